// SPDX-License-Identifier: Apache-2.0
#include "db/arrivals.hpp"

#include "db/fence_detail.hpp"
#include "db/guard_detail.hpp"

namespace mirror::db {

namespace {

// $1: the mailbox. arrived.nth: 1, 2, ... among those of one content that nothing has used up yet. By the
// ledger of sends: what was only recognised on the target did not arrive. What went is told by the history,
// which outlives its folder.
constexpr std::string_view k_arrived =
    "with since as (select greatest(coalesce(compared_at, '-infinity'), now() - interval '1 day') as at "
    "  from mailbox where id = $1), "
    "gone as (select h.digest from since, history h where h.mailbox_id = $1 and h.at > since.at and "
    "  h.kind in ('message.deleted', 'message.lost_on_target') "
    "  union all select m.source_digest from since, folder f join held_deletion h on h.folder_id = f.id "
    "  join message m on m.folder_id = h.folder_id and m.source_uidvalidity = h.source_uidvalidity and "
    "  m.source_uid = h.source_uid where f.mailbox_id = $1 and "
    "  (h.released_at > since.at or (h.released_at is null and h.scope = 'delay'))), "
    "used as (select digest, count(*) as messages from gone where digest is not null group by digest), "
    "arrived as (select m.source_digest, row_number() over (partition by m.source_digest order by i.id) - "
    "  coalesce(u.messages, 0) as nth "
    "  from since, folder f join intent i on i.folder_id = f.id join message m on "
    "  m.folder_id = i.folder_id and m.source_uidvalidity = i.source_uidvalidity and "
    "  m.source_uid = i.source_uid and m.target_uidvalidity = i.target_uidvalidity and "
    "  m.target_uid = i.target_uid left join used u on u.digest = m.source_digest "
    "  where f.mailbox_id = $1 and i.state = 'stored' and i.sent_at > since.at and "
    "  m.source_digest is not null and not exists (select 1 from held_deletion d where "
    "  d.folder_id = m.folder_id and d.source_uidvalidity = m.source_uidvalidity and "
    "  d.source_uid = m.source_uid)) ";

bool any_held(Transaction& tx, base::MailboxId mailbox) {
  return tx
      .exec_params1(
          "select exists (select 1 from folder f join held_deletion h on h.folder_id = f.id where "
          "f.mailbox_id = $1 and h.released_at is null and h.scope <> 'delay')",
          num(mailbox))[0]
      .as<bool>();
}

}  // namespace

Task<std::size_t> release_moved(Pool& pool, Fence fence, std::chrono::seconds delay) {
  co_return co_await transact(pool, [&](Transaction& tx) -> std::size_t {
    if (!any_held(tx, fence.mailbox)) return 0;
    require_epoch(tx, fence);
    const auto moved = tx.exec_params(
        std::string(k_arrived) +
            ", held as (select h.folder_id, h.source_uidvalidity, h.source_uid, m.source_digest, "
            "  row_number() over (partition by m.source_digest order by h.held_at, h.source_uid) as nth "
            "  from folder f join held_deletion h on h.folder_id = f.id "
            "  join message m on m.folder_id = h.folder_id and m.source_uidvalidity = h.source_uidvalidity "
            "  and m.source_uid = h.source_uid where f.mailbox_id = $1 and h.released_at is null and h.scope "
            "<> 'delay') "
            "update held_deletion h set released_at = case when $2::float8 = 0 then now() end, "
            "scope = case when $2 = 0 then h.scope else 'delay' end, "
            "due_at = case when $2 > 0 then now() + make_interval(secs => $2) end "
            "from held join arrived using (source_digest, nth) "
            "where h.folder_id = held.folder_id and h.source_uidvalidity = held.source_uidvalidity and "
            "h.source_uid = held.source_uid returning h.folder_id",
        num(fence.mailbox), static_cast<double>(delay.count()));
    if (delay.count() == 0 && raise_released(tx, moved) > 0)
      tx.exec_params(
          "select add_event('guard.released', 'info', '', (select name from mailbox where id = $1), "
          "nullif($2, 0), '', jsonb_build_object('deletions', $3::bigint, 'reason', 'moved'))",
          num(fence.mailbox), num(fence.run), static_cast<std::int64_t>(moved.size()));
    return static_cast<std::size_t>(moved.size());
  });
}

}  // namespace mirror::db
