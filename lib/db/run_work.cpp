// SPDX-License-Identifier: Apache-2.0
#include "db/records.hpp"
#include "db/rows_detail.hpp"
#include "db/run_detail.hpp"

namespace mirror::db {

namespace {

void end_run_if_done(Transaction& tx, RunId run) {
  const auto ended = tx.exec_params(
      "update run set state = case when cancel_requested then 'cancelled' else 'done' end, finished_at = "
      "now() "
      "where id = $1 and state = 'running' and not exists (select 1 from run_mailbox where run_id = $1 and "
      "state = 'waiting') "
      "returning kind, done, differing, failed",
      num(run));
  if (ended.empty()) return;
  tx.exec_params(
      "insert into report (kind, run_id, body) select kind, id, jsonb_build_object('mask', mask, 'deep', "
      "deep, 'mailboxes', total, "
      "'done', done, 'differing', differing, 'failed', failed, 'started_at', started_at, 'finished_at', "
      "finished_at, "
      "'details', (select coalesce(jsonb_agg(jsonb_build_object('mailbox', m.name, 'state', x.state, "
      "'detail', x.detail)), '[]') "
      "from run_mailbox x join mailbox m on m.id = x.mailbox_id where x.run_id = run.id and x.state <> "
      "'equal')) from run where id = $1",
      num(run));
  tx.exec_params(
      "select add_event('run.finished', 'info', '', '', $1, '', jsonb_build_object('kind', $2::text, 'done', "
      "$3::bigint, "
      "'differing', $4::bigint, 'failed', $5::bigint))",
      num(run), ended[0][0].as<std::string>(), ended[0][1].as<std::int64_t>(), ended[0][2].as<std::int64_t>(),
      ended[0][3].as<std::int64_t>());
}

}  // namespace

Task<std::optional<RunRecord>> take_run(Pool& pool, std::string node, std::vector<std::string> kinds) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    ArrayText names;
    for (const auto& kind : kinds) names.add(std::string_view(kind));
    std::optional<RunRecord> run;
    const auto rows = tx.exec_params(
        "update run set state = 'running', started_at = coalesce(started_at, now()), node_id = $1 where id = "
        "(select id from run where state = 'queued' and kind = any($2::text[]) order by id limit 1 for "
        "update skip locked) "
        "returning id, kind, mask, deep, dry_run, coalesce(link_id, 0)",
        node, names.done());
    if (rows.empty()) return run;
    RunRecord r;
    r.id = RunId{rows[0][0].as<std::int64_t>()};
    r.kind = rows[0][1].as<std::string>();
    r.mask = rows[0][2].as<std::string>();
    r.deep = rows[0][3].as<bool>();
    r.dry_run = rows[0][4].as<bool>();
    r.link = LinkId{rows[0][5].as<std::int64_t>()};
    run = std::move(r);
    return run;
  });
}

RunId find_run(Transaction& tx, MailboxId mailbox) {
  const auto rows = tx.exec_params(
      "select r.id from run_mailbox x join run r on r.id = x.run_id where x.mailbox_id = $1 and x.state = "
      "'waiting' "
      "and r.state = 'running' and r.kind in ('resync', 'review', 'rebuild', 'first_copy') order by r.id "
      "limit 1",
      num(mailbox));
  return rows.empty() ? RunId{} : RunId{rows[0][0].as<std::int64_t>()};
}

Task<RunId> run_of(Pool& pool, MailboxId mailbox) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) { return find_run(tx, mailbox); });
}

Task<void> mark_run_dirty(Pool& pool, RunId run) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params(
        "insert into dirty (mailbox_id, generation, cause, class, full_compare) "
        "select m.id, nextval('dirty_generation'), r.kind, case when m.compared_at is null then 1 when "
        "r.kind = 'resync' then 0 else 2 end, true "
        "from run r join run_mailbox x on x.run_id = r.id join mailbox m on m.id = x.mailbox_id where r.id = "
        "$1 and x.state = 'waiting' and m.participates "
        "on conflict (mailbox_id) do update set generation = excluded.generation, full_compare = true, class "
        "= least(dirty.class, excluded.class), "
        "due_at = least(dirty.due_at, now())",
        num(run));
    // An operator's wish outruns the schedule of retries.
    tx.exec_params(
        "update retry t set due_at = now() from run_mailbox x where x.run_id = $1 and x.mailbox_id = "
        "t.mailbox_id",
        num(run));
    tx.exec_params(
        "update run_mailbox x set state = 'skipped', finished_at = now() from mailbox m where x.run_id = $1 "
        "and m.id = x.mailbox_id "
        "and not m.participates and x.state = 'waiting'",
        num(run));
    end_run_if_done(tx, run);
    tx.exec("select pg_notify('mirrord_wake', 'dirty')");
  });
}

Task<std::vector<RunMailbox>> waiting_mailboxes(Pool& pool, RunId run, std::size_t limit) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    std::vector<RunMailbox> out;
    for (const auto& row :
         tx.exec_params("select m.id, m.name, m.target_name, m.link_id, l.source_store_id, l.target_store_id "
                        "from run_mailbox x "
                        "join mailbox m on m.id = x.mailbox_id join link l on l.id = m.link_id where "
                        "x.run_id = $1 and x.state = 'waiting' order by m.id limit $2",
                        num(run), static_cast<int>(limit)))
      out.push_back({MailboxId{row[0].as<std::int64_t>()}, row[1].as<std::string>(), row[2].as<std::string>(),
                     LinkId{row[3].as<std::int64_t>()}, StoreId{row[4].as<std::int64_t>()},
                     StoreId{row[5].as<std::int64_t>()}});
    return out;
  });
}

void end_share(Transaction& tx, RunId run, MailboxId mailbox, const std::string& state,
               const std::string& detail_json) {
  const auto changed = tx.exec_params(
      "update run_mailbox set state = $3, detail = $4::jsonb, finished_at = now() where run_id = $1 and "
      "mailbox_id = $2 and state = 'waiting'",
      num(run), num(mailbox), state, clean_text(detail_json));
  if (changed.affected_rows() == 0) return;
  tx.exec_params(
      "update run set done = done + 1, differing = differing + $2::int, failed = failed + $3::int where id "
      "= $1",
      num(run), state == "differs" ? 1 : 0, state == "failed" ? 1 : 0);
  if (state == "equal") tx.exec_params("update mailbox set verified_at = now() where id = $1", num(mailbox));
  end_run_if_done(tx, run);
}

Task<void> finish_run_mailbox(Pool& pool, RunId run, MailboxId mailbox, std::string state,
                              std::string detail_json) {
  co_await transact(pool, Commit::relaxed,
                    [&](Transaction& tx) { end_share(tx, run, mailbox, state, detail_json); });
}

Task<bool> finish_run(Pool& pool, RunId run, std::string node, std::string state, std::string result_json) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const auto ended = tx.exec_params(
        "update run set state = $2, result = $3::jsonb, finished_at = now(), done = case when kind = "
        "'store_test' then total else done end, "
        "failed = case when kind = 'store_test' and $2 = 'failed' then 1 else failed end where id = $1 and "
        "state = 'running' and node_id = $4 returning 1",
        num(run), state, clean_text(result_json), node);
    if (ended.empty()) return false;
    tx.exec_params(
        "select add_event('run.finished', 'info', case when kind = 'store_test' then mask else '' end, '', "
        "id, '', "
        "jsonb_build_object('kind', kind, 'state', state)) from run where id = $1",
        num(run));
    return true;
  });
}

Task<bool> run_cancelled(Pool& pool, RunId run) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const auto rows =
        tx.exec_params("select cancel_requested or state = 'cancelled' from run where id = $1", num(run));
    return rows.empty() || rows[0][0].as<bool>();
  });
}

Task<void> requeue_runs_of(Pool& pool, std::string node) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params(
        "update run set state = 'queued' where state = 'running' and node_id = $1 and kind in ('verify', "
        "'store_test', 'estimate')",
        node);
  });
}

}  // namespace mirror::db
