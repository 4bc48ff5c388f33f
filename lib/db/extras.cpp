// SPDX-License-Identifier: Apache-2.0
#include "db/extras.hpp"

#include "db/fence_detail.hpp"
#include "db/guard_detail.hpp"
#include "db/rows_detail.hpp"

namespace mirror::db {

Task<void> save_extras(Pool& pool, Fence fence, FolderKey key, std::vector<Extra> extras, Uid floor) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    require_epoch(tx, fence);
    ArrayText uid, kind, size, date, digest;
    for (const auto& e : extras) {
      uid.add(num(e.target));
      kind.add(std::string_view(e.unknown ? "unknown" : "foreign"));
      size.add(static_cast<std::int64_t>(e.size));
      date.add(e.date);
      add_digest(digest, e.digest);
    }
    tx.exec_params(
        "insert into extra_message (folder_id, target_uidvalidity, target_uid, kind, size, internaldate, "
        "digest) "
        "select $1, $2, x.* from unnest($3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bytea[]) x "
        "on conflict do nothing",
        num(key.folder), num(key.target), uid.done(), kind.done(), size.done(), date.done(), digest.done());
    if (num(floor) != 0)
      tx.exec_params("update folder set target_uidnext = greatest(target_uidnext, $2) where id = $1",
                     num(key.folder), num(floor));
  });
}

Task<void> drop_extras(Pool& pool, FolderKey key, UidSet gone) {
  if (gone.empty()) co_return;
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.of_a_pass = true;
    const RangeArrays ranges = range_arrays(gone);
    tx.exec_params(
        "delete from extra_message e using unnest($3::bigint[], $4::bigint[]) r(a, b) "
        "where e.folder_id = $1 and e.target_uidvalidity = $2 and e.target_uid between r.a and r.b",
        num(key.folder), num(key.target), ranges.first, ranges.last);
  });
}

Task<std::vector<Extra>> load_foreign(Pool& pool, FolderKey key) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    std::vector<Extra> out;
    for (const auto& row :
         tx.exec_params("select target_uid, size, internaldate from extra_message where folder_id = $1 and "
                        "target_uidvalidity = $2 and kind = 'foreign' order by target_uid",
                        num(key.folder), num(key.target))) {
      Extra extra;
      extra.target = static_cast<Uid>(row[0].as<std::int64_t>());
      extra.size = row[1].as<std::uint64_t>();
      extra.date = row[2].as<std::int64_t>();
      out.push_back(extra);
    }
    return out;
  });
}

Task<void> save_foreign_removed(Pool& pool, Fence fence, FolderKey key, StepId step, std::string folder_name,
                                UidSet gone) {
  co_await transact(pool, [&](Transaction& tx) {
    require_epoch(tx, fence);
    tx.exec_params("delete from step where id = $1", num(step));
    count_guarded(tx, fence.mailbox, gone.count());
    const RangeArrays ranges = range_arrays(gone);
    tx.exec_params(
        "with gone as (delete from extra_message e using unnest($3::bigint[], $4::bigint[]) r(a, b) where "
        "e.folder_id = $1 and e.target_uidvalidity = $2 and e.target_uid between r.a and r.b returning e.*) "
        "insert into history (link_id, mailbox_id, folder_name, kind, target_uid, target_uidvalidity, "
        "digest, octets, run_id, reason, epoch) "
        "select $5, $6, $7, 'message.foreign_removed', target_uid, target_uidvalidity, digest, size, "
        "nullif($8, 0), $10, $9 from gone",
        num(key.folder), num(key.target), ranges.first, ranges.last, num(fence.link), num(fence.mailbox),
        clean_text(folder_name), num(fence.run), num(fence.epoch), fence.reason);
  });
}

}  // namespace mirror::db
