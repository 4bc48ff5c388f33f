// SPDX-License-Identifier: Apache-2.0
#pragma once

// A private PostgreSQL cluster in a temporary directory, reached by a unix socket alone, for tests of lib/db
// and above. Runs as the user postgres (initdb refuses root) and is stopped by its pid; one per test program,
// one fresh database per test case. A cluster that does not start is a failure, never a skip.

#include <memory>
#include <string>

namespace mirror::test {

class Cluster {
 public:
  static Cluster& shared();  // started at first use, removed at the program's end

  // A new database with the schema of this tree; its connection string (role mirrord, no superuser).
  std::string fresh_database();
  // Statements as that role; the first column of the first row, or "".
  std::string query(const std::string& connection, const std::string& sql);
  // Restarts the server: every connection is lost.
  void restart();

  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

 private:
  Cluster();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mirror::test
