// SPDX-License-Identifier: Apache-2.0
#include "db/guard.hpp"

#include "db/fence_detail.hpp"
#include "db/guard_detail.hpp"

namespace mirror::db {

std::size_t raise_released(Transaction& tx, const pqxx::result& folders) {
  if (folders.empty()) return 0;
  ArrayText ids;
  for (const auto& row : folders) ids.add(row[0].as<std::string>());
  const auto raised = tx.exec_params(
      "insert into dirty (mailbox_id, generation, cause, class, full_compare) "
      "select m.id, nextval('dirty_generation'), 'deletion.due', 0, true from mailbox m where m.participates "
      "and m.id in (select mailbox_id from folder where id = any($1::bigint[])) "
      "on conflict (mailbox_id) do update set generation = excluded.generation, full_compare = true, "
      "last_seen = now(), due_at = least(dirty.due_at, now())",
      ids.done());
  if (raised.affected_rows() > 0) tx.exec("select pg_notify('mirrord_wake', 'dirty')");
  return static_cast<std::size_t>(raised.affected_rows());
}

PairArrays pair_arrays(const std::vector<RemovalResult>& pairs) {
  ArrayText source, target;
  for (const auto& pair : pairs) {
    source.add(num(pair.source));
    target.add(num(pair.target));
  }
  return {source.done(), target.done()};
}

void count_guarded(Transaction& tx, base::MailboxId mailbox, std::uint64_t messages) {
  if (messages == 0) return;
  tx.exec_params(
      "with old as (delete from guarded_deletion where mailbox_id = $1 and at < now() - interval '1 day') "
      "insert into guarded_deletion (mailbox_id, messages) values ($1, $2)",
      num(mailbox), static_cast<std::int64_t>(messages));
}

Task<RemovedLately> removed_lately(Pool& pool, base::MailboxId mailbox, base::LinkId link, std::uint64_t more,
                                   std::uint64_t unasked) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    const auto sums = tx.exec_params1(
        "select coalesce((select sum(messages) from guarded_deletion where mailbox_id = $1 and at > now() - "
        "interval '1 day'), 0)::bigint, "
        "coalesce((select sum(g.messages) from guarded_deletion g join mailbox m on m.id = g.mailbox_id "
        "where m.link_id = $2 and g.at > now() - interval '1 hour'), 0)::bigint, "
        "(select count(*) from held_deletion h join folder f on f.id = h.folder_id join mailbox m on m.id = "
        "f.mailbox_id where m.link_id = $2 and h.scope = 'link' and h.released_at is null)",
        num(mailbox), num(link));
    RemovedLately lately;
    lately.today = sums[0].as<std::uint64_t>();
    lately.link_hour = sums[1].as<std::uint64_t>();
    lately.link_held = sums[2].as<std::uint64_t>();
    if (lately.link_hour + lately.link_held + more > unasked)
      lately.link_messages =
          tx.exec_params1("select coalesce(sum(target_messages), 0)::bigint from mailbox where link_id = $1",
                          num(link))[0]
              .as<std::uint64_t>();
    return lately;
  });
}

Task<void> hold_removals(Pool& pool, Fence fence, FolderKey key, std::vector<RemovalResult> removals,
                         Hold hold) {
  co_await transact(pool, [&](Transaction& tx) {
    require_epoch(tx, fence);
    count_guarded(tx, fence.mailbox, hold.guarded);
    const PairArrays arrays = pair_arrays(removals);
    const auto added = tx.exec_params(
        "insert into held_deletion (folder_id, source_uidvalidity, source_uid, target_uidvalidity, "
        "target_uid, scope, reason, due_at) "
        "select $1, $2, x.source, $3, x.target, $8, $6, now() + make_interval(secs => nullif($7::float8, 0)) "
        "from unnest($4::bigint[], $5::bigint[]) x(source, target) on conflict do nothing",
        num(key.folder), num(key.source), num(key.target), arrays.source, arrays.target, hold.reason,
        static_cast<double>(hold.delay.count()), hold.scope);
    const bool waits_for_time = hold.delay.count() > 0;
    if (added.affected_rows() > 0)
      tx.exec_params(
          "select add_event($5, $6, '', (select name from mailbox where id = $1), nullif($2, 0), '', "
          "jsonb_build_object('deletions', $3::bigint, 'reason', $4::text))",
          num(fence.mailbox), num(fence.run), static_cast<std::int64_t>(added.affected_rows()), hold.reason,
          waits_for_time ? "guard.delayed" : "guard.held", waits_for_time ? "info" : "error");
  });
}

Task<UidSet> released_removals(Pool& pool, FolderKey key) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    UidSet set;
    for (const auto& row : tx.exec_params("select source_uid from held_deletion where folder_id = $1 and "
                                          "source_uidvalidity = $2 and released_at is not null",
                                          num(key.folder), num(key.source)))
      set.add(static_cast<Uid>(row[0].as<std::int64_t>()));
    return set;
  });
}

Task<void> drop_held(Pool& pool, FolderKey key, UidSet sources) {
  if (sources.empty()) co_return;
  co_await transact(pool, [&](Transaction& tx) {
    tx.of_a_pass = true;
    const RangeArrays ranges = range_arrays(sources);
    tx.exec_params(
        "delete from held_deletion h using unnest($3::bigint[], $4::bigint[]) r(a, b) "
        "where h.folder_id = $1 and h.source_uidvalidity = $2 and h.source_uid between r.a and r.b",
        num(key.folder), num(key.source), ranges.first, ranges.last);
  });
}

Task<std::size_t> release_due_removals(Pool& pool) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const auto due = tx.exec(
        "update held_deletion set released_at = now() where due_at <= now() and released_at is null "
        "returning folder_id");
    return raise_released(tx, due);
  });
}

}  // namespace mirror::db
