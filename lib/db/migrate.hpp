// SPDX-License-Identifier: Apache-2.0
#pragma once

// The schema's version. Migrations are schema/NNNN_name.sql, forward only, one transaction each, remembered
// with their SHA-256: an applied file that changed later is an error, never a silent difference.

#include <string>
#include <vector>

#include "db/pool.hpp"

namespace mirror::db {

struct Migration {
  int version = 0;
  std::string name;
  std::string sql;
  std::string sha256;  // hex
  bool applied = false;
};

// The files of a directory in order. Throws base::Failed MRD-DB-004 when numbers repeat or are missing.
std::vector<Migration> read_migrations(const std::string& directory);
// Marks what the database has applied. Throws MRD-DB-003 on a checksum that differs or a version unknown
// here.
Task<std::vector<Migration>> migration_status(Pool& pool, std::vector<Migration> migrations);
// Applies what is missing, each in a transaction of its own, under an advisory lock. Returns how many.
Task<int> migrate(Pool& pool, std::vector<Migration> migrations);
// Throws MRD-DB-003 unless every migration is applied: the daemon refuses a schema that is not its own.
Task<void> require_current(Pool& pool, std::vector<Migration> migrations);

}  // namespace mirror::db
