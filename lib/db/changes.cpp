// SPDX-License-Identifier: Apache-2.0
#include "db/changes.hpp"

#include "db/guard_detail.hpp"
#include "db/rows_detail.hpp"
#include "db/run_detail.hpp"

namespace mirror::db {

namespace {

void delete_step(Transaction& tx, StepId step) {
  if (num(step) != 0) tx.exec_params("delete from step where id = $1", num(step));
}

// What it was before our change proves nothing any more: a store that loses the change shows it again.
void forget_target_status(Transaction& tx, const FolderKey& key) {
  tx.exec_params("update folder set target_status = '' where id = $1", num(key.folder));
}

// Rows leave the map; their digests stay as tombstones, so that a restore never brings them back.
void bury(Transaction& tx, const Fence& fence, const FolderKey& key, const std::string& folder_name,
          const std::vector<RemovalResult>& pairs, const std::string& kind) {
  const PairArrays arrays = pair_arrays(pairs);
  tx.exec_params(
      "with gone as (delete from message m using unnest($4::bigint[], $5::bigint[]) x(source, target) "
      "  where m.folder_id = $1 and m.source_uidvalidity = $2 and m.target_uidvalidity = $3 and m.source_uid "
      "= x.source "
      "  and m.target_uid = x.target returning m.*), "
      "tomb as (insert into tombstone (folder_id, source_uidvalidity, source_uid, target_uidvalidity, "
      "target_uid, digest, size, lost) "
      "  select folder_id, source_uidvalidity, source_uid, target_uidvalidity, target_uid, source_digest, "
      "size, $9::text = 'message.lost_on_target' from gone "
      "  on conflict (folder_id, source_uidvalidity, source_uid, target_uidvalidity, target_uid) do update "
      "  set lost = excluded.lost, deleted_at = now()) "
      "insert into history (link_id, mailbox_id, folder_name, kind, source_uid, target_uid, "
      "target_uidvalidity, before, digest, octets, run_id, reason, epoch) "
      "select $6, $7, $8, $9, source_uid, target_uid, target_uidvalidity, flags, source_digest, size, "
      "nullif($10, 0), $11, $12 from gone",
      num(key.folder), num(key.source), num(key.target), arrays.source, arrays.target, num(fence.link),
      num(fence.mailbox), clean_text(folder_name), kind, num(fence.run), fence.reason, num(fence.epoch));
  // What the target altered of them is nobody's trouble any more.
  tx.exec_params(
      "delete from quarantine where mailbox_id = $1 and folder_id = $2 and source_uidvalidity = $3 "
      "and kind in ('altered', 'flag') and source_uid = any($4::bigint[])",
      num(fence.mailbox), num(key.folder), num(key.source), arrays.source);
}

}  // namespace

Task<StepId> open_step(Pool& pool, Fence fence, FolderId folder, std::string kind, std::string detail) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    require_writable(tx, fence);
    const auto row = tx.exec_params1(
        "insert into step (mailbox_id, folder_id, epoch, run_id, kind, detail) values ($1, nullif($2, 0), "
        "$3, nullif($4, 0), $5, $6) returning id",
        num(fence.mailbox), num(folder), num(fence.epoch), num(fence.run), kind, clean_text(detail));
    return StepId{row[0].as<std::int64_t>()};
  });
}

Task<void> close_step(Pool& pool, StepId step) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.of_a_pass = true;
    delete_step(tx, step);
  });
}

// The server may still do what was sent, and nothing tells of a folder that goes then: ten seconds from now a
// complete compare looks again.
void close_recovered(Transaction& tx, const Fence& fence) {
  const auto closed = tx.exec_params(
      "with left_open as (delete from step where mailbox_id = $1 and epoch < $2 returning *) "
      "insert into history (link_id, mailbox_id, folder_name, kind, before, run_id, reason, epoch) "
      "select $3, mailbox_id, '', 'step.recovered', kind || ' ' || detail::text, run_id, 'recovery', epoch "
      "from left_open returning before like 'folder.%'",
      num(fence.mailbox), num(fence.epoch), num(fence.link));
  if (std::any_of(closed.begin(), closed.end(), [](const auto& row) { return row[0].template as<bool>(); }))
    tx.exec_params(
        "update mailbox set review_due_at = least(review_due_at, now() + interval '10 s'), "
        "rebuild_due_at = least(rebuild_due_at, now() + interval '10 s') where id = $1",
        num(fence.mailbox));
}

Task<void> save_flag_results(Pool& pool, Fence fence, FolderKey key, StepId step, std::string folder_name,
                             std::vector<FlagResult> results) {
  co_await transact(pool, [&](Transaction& tx) {
    require_epoch(tx, fence);
    delete_step(tx, step);
    if (results.empty()) return;
    forget_target_status(tx, key);
    ArrayText source, target, before, after, kind;
    for (const auto& r : results) {
      source.add(num(r.source));
      target.add(num(r.target));
      before.add(r.before.text());
      after.add(r.after.text());
      kind.add(std::string_view(r.drift ? "flags.drift_repaired" : "flags.changed"));
    }
    tx.exec_params(
        "update message m set flags = x.flags from unnest($3::bigint[], $4::text[]) x(uid, flags) "
        "where m.folder_id = $1 and m.source_uidvalidity = $2 and m.source_uid = x.uid",
        num(key.folder), num(key.source), source.done(), after.done());
    tx.exec_params(
        "insert into history (link_id, mailbox_id, folder_name, kind, source_uid, target_uid, "
        "target_uidvalidity, before, after, run_id, reason, epoch) "
        "select $1, $2, $3, x.kind, x.source, x.target, $4, x.before, x.after, nullif($5, 0), $6, $7 "
        "from unnest($8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[]) x(source, target, "
        "before, after, kind)",
        num(fence.link), num(fence.mailbox), clean_text(folder_name), num(key.target), num(fence.run),
        fence.reason, num(fence.epoch), source.done(), target.done(), before.done(), after.done(),
        kind.done());
  });
}

Task<void> save_removals(Pool& pool, Fence fence, FolderKey key, StepId step, std::string folder_name,
                         std::vector<RemovalResult> expunged, std::uint64_t guarded) {
  co_await transact(pool, [&](Transaction& tx) {
    require_epoch(tx, fence);
    delete_step(tx, step);
    forget_target_status(tx, key);
    count_guarded(tx, fence.mailbox, guarded);
    bury(tx, fence, key, folder_name, expunged, "message.deleted");
    const PairArrays arrays = pair_arrays(expunged);
    tx.exec_params(
        "delete from held_deletion h using unnest($3::bigint[]) x(uid) where h.folder_id = $1 and "
        "h.source_uidvalidity = $2 and h.source_uid = x.uid",
        num(key.folder), num(key.source), arrays.source);
  });
}

Task<std::vector<Lost>> save_lost(Pool& pool, Fence fence, FolderKey key, std::string folder_name,
                                  std::vector<RemovalResult> lost) {
  if (lost.empty()) co_return std::vector<Lost>{};
  co_return co_await transact(pool, [&](Transaction& tx) {
    require_epoch(tx, fence);
    bury(tx, fence, key, folder_name, lost, "message.lost_on_target");
    std::vector<Lost> repeated;
    for (const auto& row :
         tx.exec_params("select source_uid, count(*) from tombstone where folder_id = $1 and "
                        "source_uidvalidity = $2 and "
                        "source_uid = any($3::bigint[]) and lost and deleted_at > now() - interval '7 days' "
                        "group by source_uid having count(*) > 1 order by source_uid",
                        num(key.folder), num(key.source), pair_arrays(lost).source))
      repeated.push_back({Uid{row[0].as<std::uint32_t>()}, row[1].as<int>()});
    return repeated;
  });
}

Task<void> save_folder_changes(Pool& pool, Fence fence, StepId step, std::vector<FolderChange> changes) {
  co_await transact(pool, [&](Transaction& tx) {
    require_epoch(tx, fence);
    delete_step(tx, step);
    ArrayText kinds, names, before, after;
    for (const auto& change : changes) {
      kinds.add(change.kind);
      names.add(change.name);
      before.add(change.before);
      after.add(change.after);
    }
    tx.exec_params(
        "insert into history (link_id, mailbox_id, folder_name, kind, before, after, run_id, reason, epoch) "
        "select $1, $2, x.name, x.kind, x.before, x.after, nullif($3, 0), $4, $5 "
        "from unnest($6::text[], $7::text[], $8::text[], $9::text[]) x(kind, name, before, after)",
        num(fence.link), num(fence.mailbox), num(fence.run), fence.reason, num(fence.epoch), kinds.done(),
        names.done(), before.done(), after.done());
    // A folder that is there now is refused no more.
    tx.exec_params(
        "delete from quarantine q using unnest($2::text[], $3::text[]) x(kind, name) where q.mailbox_id = $1 "
        "and q.kind = 'folder' and x.kind = 'folder.created' and q.wanted = x.name",
        num(fence.mailbox), kinds.done(), names.done());
  });
}

}  // namespace mirror::db
