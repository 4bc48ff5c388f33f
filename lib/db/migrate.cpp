// SPDX-License-Identifier: Apache-2.0
#include "db/migrate.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/digest.hpp"
#include "base/failure.hpp"
#include "db/transact_detail.hpp"

namespace mirror::db {

namespace {

constexpr int k_lock = 0x6d6d;  // advisory: one migrator at a time

void ensure_table(Transaction& tx) {
  tx.exec(
      "create table if not exists schema_version (version integer primary key, name text not null, "
      "sha256 text not null, applied_at timestamptz not null default now())");
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void mark_applied(Transaction& tx, std::vector<Migration>& migrations) {
  const auto known = tx.exec("select to_regclass('schema_version') is not null");
  if (!known[0][0].as<bool>()) return;
  for (const auto& row : tx.exec("select version, sha256 from schema_version order by version")) {
    const int version = row[0].as<int>();
    const auto found = std::find_if(migrations.begin(), migrations.end(),
                                    [&](const Migration& m) { return m.version == version; });
    if (found == migrations.end())
      throw base::Failed(base::Failure(
          "MRD-DB-003", fmt::format("the database has version {}, this program does not", version)));
    if (found->sha256 != row[1].as<std::string>())
      throw base::Failed(
          base::Failure("MRD-DB-004", fmt::format("migration {} differs from the one applied", version)));
    found->applied = true;
  }
}

}  // namespace

std::vector<Migration> read_migrations(const std::string& directory) {
  std::vector<Migration> migrations;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string file = entry.path().filename().string();
    if (entry.path().extension() != ".sql" || file.size() < 9 || file[4] != '_') continue;
    Migration migration;
    migration.version = std::atoi(file.substr(0, 4).c_str());
    migration.name = entry.path().stem().string().substr(5);
    migration.sql = read_file(entry.path());
    migration.sha256 = base::to_hex(base::sha256(migration.sql));
    migrations.push_back(std::move(migration));
  }
  std::sort(migrations.begin(), migrations.end(),
            [](const auto& a, const auto& b) { return a.version < b.version; });
  for (std::size_t i = 0; i < migrations.size(); ++i)
    if (migrations[i].version != static_cast<int>(i) + 1)
      throw base::Failed(base::Failure(
          "MRD-DB-004", fmt::format("{}: migration {} is missing or double", directory, i + 1)));
  if (migrations.empty())
    throw base::Failed(base::Failure("MRD-DB-004", fmt::format("no migrations in {}", directory)));
  return migrations;
}

Task<std::vector<Migration>> migration_status(Pool& pool, std::vector<Migration> migrations) {
  co_await transact(pool, [&](Transaction& tx) {
    for (auto& m : migrations) m.applied = false;
    mark_applied(tx, migrations);
  });
  co_return migrations;
}

Task<int> migrate(Pool& pool, std::vector<Migration> migrations) {
  int applied = 0;
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec(fmt::format("select pg_advisory_xact_lock({})", k_lock));
    ensure_table(tx);
  });
  for (std::size_t i = 0; i < migrations.size(); ++i) {
    applied += co_await transact(pool, [&](Transaction& tx) {
      tx.exec(fmt::format("select pg_advisory_xact_lock({})", k_lock));
      mark_applied(tx, migrations);
      const Migration& migration = migrations[i];
      if (migration.applied) return 0;
      tx.exec(migration.sql);
      tx.exec_params("insert into schema_version (version, name, sha256) values ($1, $2, $3)",
                     migration.version, migration.name, migration.sha256);
      return 1;
    });
  }
  co_return applied;
}

Task<void> require_current(Pool& pool, std::vector<Migration> migrations) {
  const auto status = co_await migration_status(pool, std::move(migrations));
  for (const auto& migration : status)
    if (!migration.applied)
      throw base::Failed(base::Failure(
          "MRD-DB-003", fmt::format("migration {} ({}) is not applied", migration.version, migration.name)));
}

}  // namespace mirror::db
