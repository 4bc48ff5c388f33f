// SPDX-License-Identifier: Apache-2.0
#pragma once

// The program's PostgreSQL connections: N worker threads, each owning one connection, behind the offload
// bridge. Rooms above call the functions of lib/db; only lib/db itself sees libpqxx (transact_detail.hpp).
//
// A statement that fails throws base::Failed: MRD-DB-001 lost (scope process, retry later; the outcome of a
// COMMIT in flight is unknown and must be taken as "not made"), MRD-DB-005 refused. Serialisation failures
// are repeated inside. A lost connection is dropped and opened again by the next use, never revived.

#include <cstddef>
#include <memory>
#include <string>

#include "net/task.hpp"

namespace mirror::db {

using net::Task;

struct PoolSettings {
  std::string connection;  // a libpq connection string or URI
  std::size_t workers = 4;
  bool durable = true;  // false only in tests: synchronous_commit off
};

class Pool {
 public:
  explicit Pool(PoolSettings settings);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  Task<void> probe();  // one SELECT; throws when the database cannot be reached
  void join();         // after the last transaction; before the io_context ends
  const PoolSettings& settings() const noexcept;

  struct State;
  State& state() noexcept { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace mirror::db
