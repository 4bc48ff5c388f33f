// SPDX-License-Identifier: Apache-2.0
#include "db/map.hpp"

#include "db/rows_detail.hpp"

namespace mirror::db {

namespace {

constexpr auto k_columns =
    "m.source_uid, m.target_uid, m.flags, m.size, m.internaldate, m.message_id_hash, m.target_size, "
    "m.target_date, "
    "m.source_digest, m.greeting";

MapRow read_row(const pqxx::row& row) {
  MapRow out;
  out.source = static_cast<Uid>(row[0].as<std::int64_t>());
  out.target = static_cast<Uid>(row[1].as<std::int64_t>());
  out.flags = base::FlagSet::parse(row[2].as<std::string>());
  out.size = row[3].as<std::uint64_t>();
  out.date = row[4].as<std::int64_t>();
  out.message_id_hash = row[5].as<std::int64_t>();
  out.target_size = row[6].as<std::uint64_t>();
  out.target_date = row[7].as<std::int64_t>();
  out.digest = read_digest(row[8]);
  out.greeting = row[9].as<bool>();
  return out;
}

}  // namespace

Task<std::vector<MapRow>> load_rows(Pool& pool, FolderKey key) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    std::vector<MapRow> rows;
    for (const auto& row : tx.exec_params(
             fmt::format("select {} from message m where m.folder_id = $1 and m.source_uidvalidity = $2 "
                         "and m.target_uidvalidity = $3 order by m.source_uid",
                         k_columns),
             num(key.folder), num(key.source), num(key.target)))
      rows.push_back(read_row(row));
    return rows;
  });
}

Task<void> suspect_rows(Pool& pool, FolderKey key, UidSet source) {
  if (source.empty()) co_return;
  co_await transact(pool, [&](Transaction& tx) {
    tx.of_a_pass = true;
    const RangeArrays ranges = range_arrays(source);
    tx.exec_params(
        "update message m set suspect = true from unnest($4::bigint[], $5::bigint[]) r(a, b) where "
        "m.folder_id = $1 "
        "and m.source_uidvalidity = $2 and m.target_uidvalidity = $3 and m.source_uid between r.a and r.b",
        num(key.folder), num(key.source), num(key.target), ranges.first, ranges.last);
  });
}

Task<std::vector<MapRow>> load_rows_of(Pool& pool, FolderKey key, UidSet source, UidSet target) {
  if (source.empty() && target.empty()) co_return std::vector<MapRow>{};
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    const RangeArrays s = range_arrays(source);
    const RangeArrays t = range_arrays(target);
    std::vector<MapRow> rows;
    for (const auto& row : tx.exec_params(
             fmt::format("select {0} from message m join unnest($4::bigint[], $5::bigint[]) r(a, b) "
                         "on m.source_uid between r.a and r.b "
                         "where m.folder_id = $1 and m.source_uidvalidity = $2 and m.target_uidvalidity = $3 "
                         "union "
                         "select {0} from message m join unnest($6::bigint[], $7::bigint[]) r(a, b) "
                         "on m.target_uid between r.a and r.b "
                         "where m.folder_id = $1 and m.source_uidvalidity = $2 and m.target_uidvalidity = $3 "
                         "order by 1",
                         k_columns),
             num(key.folder), num(key.source), num(key.target), s.first, s.last, t.first, t.last))
      rows.push_back(read_row(row));
    return rows;
  });
}

Task<std::vector<Orphan>> load_orphans(Pool& pool, FolderKey key) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    std::vector<Orphan> orphans;
    for (const auto& row : tx.exec_params(
             fmt::format(
                 "select {}, m.source_uidvalidity, h.folder_id is not null and h.released_at is null "
                 "from message m left join held_deletion h using (folder_id, source_uidvalidity, source_uid) "
                 "where folder_id = $1 and source_uidvalidity <> $2 and m.target_uidvalidity = $3 "
                 "order by m.source_uidvalidity, m.source_uid",
                 k_columns),
             num(key.folder), num(key.source), num(key.target)))
      orphans.push_back(
          {static_cast<UidValidity>(row[10].as<std::int64_t>()), read_row(row), row[11].as<bool>()});
    return orphans;
  });
}

Task<void> save_flags(Pool& pool, FolderKey key, std::vector<MapRow> rows) {
  if (rows.empty()) co_return;
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.of_a_pass = true;
    ArrayText uids, flags;
    for (const auto& row : rows) {
      uids.add(num(row.source));
      flags.add(row.flags.text());
    }
    tx.exec_params(
        "update message m set flags = x.flags from unnest($3::bigint[], $4::text[]) x(uid, flags) "
        "where m.folder_id = $1 and m.source_uidvalidity = $2 and m.source_uid = x.uid",
        num(key.folder), num(key.source), uids.done(), flags.done());
  });
}

}  // namespace mirror::db
