// SPDX-License-Identifier: Apache-2.0
#include "db/work.hpp"

#include "db/quarantine_detail.hpp"
#include "db/run_detail.hpp"

namespace mirror::db {

namespace {

std::string ids_text(const std::vector<MailboxId>& ids) {
  ArrayText text;
  for (const auto id : ids) text.add(base::raw(id));
  return text.done();
}

// Live work may use every place; first copies and reviews have fewer, so that a new message never waits
// behind them.
constexpr auto k_take = R"sql(
  with site_ok as (select 1 from site where state = 'mirroring'
                      and exists (select 1 from node where id = $2 and beat >= $5) for share),
       ready as (
         select d.mailbox_id, d.class, d.first_seen from dirty d
           join mailbox m on m.id = d.mailbox_id
           join link l on l.id = m.link_id
           join store s on s.id = l.source_store_id
           join store t on t.id = l.target_store_id
          where d.due_at <= now() and m.participates and l.paused_reason = ''
            and s.state not in ('down', 'refused') and t.state not in ('down', 'refused')
            and not exists (select 1 from retry r where r.mailbox_id = d.mailbox_id and r.blocking and r.due_at > now())
            and not exists (select 1 from lease x where x.mailbox_id = d.mailbox_id and x.until > now())
            and exists (select 1 from site_ok)),
       live as (select mailbox_id from ready where class = 0 order by first_seen limit $1),
       bulk as (select mailbox_id from ready where class > 0 order by class, first_seen
                 limit least($1, greatest(0, $3 - (select count(*) from live)))),
       due as (
         select d.mailbox_id from dirty d where d.mailbox_id in (table live union all table bulk)
            and d.due_at <= now() for update of d skip locked),
       leased as (
         insert into lease (mailbox_id, epoch, holder, until)
         select mailbox_id, nextval('lease_epoch'), $2, now() + make_interval(secs => $4) from due
         on conflict (mailbox_id) do update
            set epoch = excluded.epoch, holder = excluded.holder, until = excluded.until where lease.until <= now()
         returning mailbox_id, epoch)
  select d.mailbox_id, m.link_id, l.source_store_id, l.target_store_id, m.name, m.target_name, d.cause, d.class,
         d.full_compare, d.generation, x.epoch, extract(epoch from now() - d.first_seen)::float8
    from leased x join dirty d using (mailbox_id) join mailbox m on m.id = d.mailbox_id join link l on l.id = m.link_id
   order by d.class, d.first_seen)sql";

WorkItem read_item(const pqxx::row& row) {
  WorkItem item;
  item.mailbox = MailboxId{row[0].as<std::int64_t>()};
  item.link = LinkId{row[1].as<std::int64_t>()};
  item.source_store = StoreId{row[2].as<std::int64_t>()};
  item.target_store = StoreId{row[3].as<std::int64_t>()};
  item.name = row[4].as<std::string>();
  item.target_name = row[5].as<std::string>();
  item.cause = row[6].as<std::string>();
  item.work_class = static_cast<WorkClass>(row[7].as<int>());
  item.full_compare = row[8].as<bool>();
  item.generation = Generation{row[9].as<std::int64_t>()};
  item.epoch = Epoch{row[10].as<std::int64_t>()};
  item.waited_seconds = row[11].as<double>();
  return item;
}

void end_well(Transaction& tx, const WorkEnd& end, std::int64_t id) {
  if (end.again)
    tx.exec_params(
        "update dirty set due_at = now() + interval '300 ms', full_compare = full_compare or $2 where "
        "mailbox_id = $1",
        id, end.again_full);
  else
    tx.exec_params("delete from dirty where mailbox_id = $1 and generation = $2", id,
                   base::raw(end.item.generation));
  tx.exec_params("delete from retry where mailbox_id = $1", id);
  tx.exec_params(
      "update mailbox set status = case when exists (select 1 from dirty where mailbox_id = $1) then "
      "'lagging' else "
      "'in_sync' end, error_code = '', error_text = '', error_since = null, failures = 0, compared_at = "
      "case when $3 then compared_at else now() end, "
      "full_compared_at = case when $2 then now() else full_compared_at end where id = $1",
      id, end.full, end.again);
  if (end.totals)
    tx.exec_params(
        "update mailbox set source_messages = $2, target_messages = $3, greetings = $4, octets = $5, "
        "foreign_messages = (select count(*) from extra_message x join folder f on f.id = x.folder_id where "
        "f.mailbox_id = $1 "
        "and x.kind = 'foreign' and x.target_uidvalidity = f.target_uidvalidity), "
        "unknown_messages = (select count(*) from extra_message x join folder f on f.id = x.folder_id where "
        "f.mailbox_id = $1 "
        "and x.kind = 'unknown' and x.target_uidvalidity = f.target_uidvalidity) where id "
        "= $1",
        id, end.totals->source_messages, end.totals->target_messages, end.totals->greetings,
        end.totals->octets);
}

// The whole mailbox waits (blocking), or a part of it is left undone while events of the rest are served at
// once.
void write_retry(Transaction& tx, const WorkEnd& end, std::int64_t id, bool blocking) {
  const base::Failure& failure = *end.failure;
  tx.exec_params(
      "insert into retry (mailbox_id, due_at, code, scope, detail, blocking) "
      "values ($1, now() + make_interval(secs => $2), $3, $4, $5, $6) "
      "on conflict (mailbox_id) do update set due_at = now() + make_interval(secs => least($2 * power(2, "
      "least(retry.attempts, 10)), $7)), attempts = retry.attempts + 1, code = excluded.code, scope = "
      "excluded.scope, "
      "detail = excluded.detail, blocking = excluded.blocking",
      id, static_cast<double>(end.retry_in.count()), std::string(failure.code()),
      std::string(to_text(failure.scope())), clean_text(failure.detail()), blocking,
      static_cast<double>(end.retry_longest.count()));
  tx.exec_params(
      "update mailbox set status = 'failed', error_code = $2, error_text = $3, "
      "error_since = coalesce(error_since, now()), failures = failures + 1 where id = $1",
      id, std::string(failure.code()), clean_text(failure.detail()));
}

// The dirty row stays under the retry row: whatever made it is still to be compared.
void end_badly(Transaction& tx, const WorkEnd& end, std::int64_t id) {
  if (end.partial)
    tx.exec_params("delete from dirty where mailbox_id = $1 and generation = $2", id,
                   base::raw(end.item.generation));
  write_retry(tx, end, id, !end.partial);
}

}  // namespace

Task<void> mark_dirty(Pool& pool, std::vector<MailboxId> mailboxes, std::string cause, WorkClass work_class,
                      bool full_compare, Millis delay) {
  if (mailboxes.empty()) co_return;
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params(
        "insert into dirty (mailbox_id, generation, cause, class, full_compare, due_at) "
        "select m.id, nextval('dirty_generation'), $2, $3, $4, now() + make_interval(secs => $5) "
        "  from unnest($1::bigint[]) as x(id) join mailbox m on m.id = x.id where m.participates "
        "on conflict (mailbox_id) do update set generation = excluded.generation, last_seen = now(), "
        "  cause = case when dirty.cause = 'echo' then excluded.cause else dirty.cause end, "
        "  class = least(dirty.class, excluded.class), full_compare = dirty.full_compare or "
        "excluded.full_compare, "
        "  due_at = least(dirty.due_at, excluded.due_at)",
        ids_text(mailboxes), cause, static_cast<int>(work_class), full_compare,
        static_cast<double>(delay.count()) / 1000.0);
    tx.exec("select pg_notify('mirrord_wake', 'dirty')");
  });
}

Task<std::vector<WorkItem>> take_work(Pool& pool, TakeSettings settings) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    std::vector<WorkItem> items;
    for (const auto& row : tx.exec_params(k_take, static_cast<int>(settings.limit), settings.node,
                                          static_cast<int>(settings.bulk),
                                          static_cast<double>(settings.lease.count()), settings.beat))
      items.push_back(read_item(row));
    return items;
  });
}

Task<Millis> next_due(Pool& pool, Millis limit) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    // A row that waits for its mailbox's retry is due when that is.
    const auto row = tx.exec1(
        "select extract(epoch from min(at) - now())::float8 from (select greatest(d.due_at, r.due_at) as at "
        "from "
        "dirty d left join retry r on r.mailbox_id = d.mailbox_id and r.blocking) x where at > now() - "
        "interval "
        "'1 s'");
    if (row[0].is_null()) return limit;
    const auto wait = Millis(static_cast<std::int64_t>(row[0].as<double>() * 1000.0) + 1);
    return std::clamp(wait, Millis(20), limit);
  });
}

Task<bool> renew_lease(Pool& pool, MailboxId mailbox, Epoch epoch, Seconds lease) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    const auto result = tx.exec_params(
        "update lease set until = now() + make_interval(secs => $3) where mailbox_id = $1 and epoch = $2 and "
        "until > now()",
        base::raw(mailbox), base::raw(epoch), static_cast<double>(lease.count()));
    return result.affected_rows() == 1;
  });
}

Task<int> retries_of(Pool& pool, MailboxId mailbox) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    return tx
        .exec_params1("select coalesce(max(attempts), 0) from retry where mailbox_id = $1",
                      base::raw(mailbox))[0]
        .as<int>();
  });
}

Task<void> finish_work(Pool& pool, WorkEnd end) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.of_a_pass = true;
    const std::int64_t id = base::raw(end.item.mailbox);
    const auto owned = tx.exec_params("delete from lease where mailbox_id = $1 and epoch = $2", id,
                                      base::raw(end.item.epoch));
    if (owned.affected_rows() == 0) return;  // somebody else took over: the end is theirs to tell
    if (end.postponed) return;
    if (base::raw(end.run) != 0) end_share(tx, end.run, end.item.mailbox, end.run_state, end.run_detail);
    if (end.failure)
      end_badly(tx, end, id);
    else
      end_well(tx, end, id);
  });
}

Task<std::size_t> raise_due(Pool& pool, TimerSettings settings) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const auto retries = tx.exec(
        "insert into dirty (mailbox_id, generation, cause, class, full_compare, first_seen) "
        "select r.mailbox_id, nextval('dirty_generation'), 'retry', 0, false, r.since from retry r join "
        "mailbox m on m.id = r.mailbox_id "
        "where r.due_at <= now() and m.participates and not exists (select 1 from dirty d where d.mailbox_id "
        "= r.mailbox_id)");
    const auto reviews = tx.exec_params(
        "with ready as (select id, rebuild_due_at <= now() as complete from mailbox "
        "  where participates and review_due_at <= now() limit 200 for update skip locked), "
        "due as (update mailbox m set review_due_at = next_turn(m.id, $1), "
        "  rebuild_due_at = case when r.complete then next_turn(m.id, $2) else rebuild_due_at end "
        "  from ready r where m.id = r.id returning m.id, m.compared_at, r.complete) "
        "insert into dirty (mailbox_id, generation, cause, class, full_compare) "
        "select id, nextval('dirty_generation'), 'review', case when compared_at is null then 1 else 2 end, "
        "complete from due "
        "on conflict (mailbox_id) do update set full_compare = dirty.full_compare or excluded.full_compare, "
        "generation = excluded.generation",
        static_cast<double>(settings.review_interval.count()),
        static_cast<double>(settings.rebuild_interval.count()));
    const std::size_t made = retries.affected_rows() + reviews.affected_rows() + raise_quarantine_due(tx);
    if (made > 0) tx.exec("select pg_notify('mirrord_wake', 'dirty')");
    return made;
  });
}

Task<void> free_leases_of(Pool& pool, std::string node) {
  co_await transact(pool,
                    [&](Transaction& tx) { tx.exec_params("delete from lease where holder = $1", node); });
}

}  // namespace mirror::db
