// SPDX-License-Identifier: Apache-2.0
#include "db/view_runs.hpp"

#include "db/view_runs_detail.hpp"

namespace mirror::db {

const char* const k_run_view =
    "select r.id::text as id, r.kind, r.state, l.name as link, r.mask, r.deep, r.dry_run, r.total, r.done, "
    "r.differing, "
    "r.failed, r.octets_done, r.octets_total, r.requested_by, r.reason, r.cancel_requested, r.options, "
    "r.result, "
    "@r.created_at@ as created_at, @r.started_at@ as started_at, @r.finished_at@ as finished_at, "
    "case when r.state = 'running' and r.done > 0 and r.total > r.done then "
    "ceil(extract(epoch from now() - r.started_at) / r.done * (r.total - r.done))::bigint end as eta_seconds "
    "from run r left join link l on l.id = r.link_id ";

namespace {

using Why = Refused::Why;

bool writes(const NewRun& run) {
  return run.kind != "verify" && run.kind != "store_test" && run.kind != "estimate" && !run.dry_run;
}

void require_state(Transaction& tx, const NewRun& run) {
  const std::string state = tx.exec("select state from site for share")[0][0].as<std::string>();
  if (state != "mirroring" && writes(run))
    throw Refused(Why::wrong_state, fmt::format("the site is {}: a {} writes on DR", state, run.kind));
}

}  // namespace

std::int64_t insert_run(Transaction& tx, const NewRun& run, const Actor& actor) {
  std::optional<std::int64_t> link;
  if (!run.link.empty()) link = link_id(tx, run.link);
  const bool of_store = run.kind == "store_test";
  if (of_store) store_id(tx, run.mask);
  const auto row = tx.exec_params(
      "insert into run (kind, link_id, mask, deep, dry_run, requested_by, reason, total) "
      "values ($1, $2, $3, $4, $5, $6, $7, $8) returning id",
      run.kind, link, clean_text(run.mask), run.deep, run.dry_run, clean_text(actor.who),
      clean_text(run.reason), of_store ? 1 : 0);
  const auto id = row[0][0].as<std::int64_t>();
  if (!of_store) {
    const auto mailboxes = tx.exec_params(
        "insert into run_mailbox (run_id, mailbox_id) select $1, m.id from mailbox m where m.participates "
        "and ($2::bigint is null or m.link_id = $2) and m.name ~ $3 returning 1",
        id, link, mask_to_regex(clean_text(run.mask)));
    if (mailboxes.empty() && run.mask != "*")
      throw Refused(Why::not_found, fmt::format("no participating mailbox matches \"{}\"", run.mask));
    tx.exec_params("update run set total = $2 where id = $1", id,
                   static_cast<std::int64_t>(mailboxes.size()));
  }
  tx.exec_params(
      "select add_event('run.queued', 'info', '', '', $1, $2, json_build_object('kind', $3::text)::jsonb)",
      id, clean_text(actor.who), run.kind);
  wake(tx, "runs");
  return id;
}

Task<Json> create_run(Pool& pool, NewRun run, Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    require_state(tx, run);
    const std::int64_t id = insert_run(tx, run, actor);
    audit(tx, actor, "run." + run.kind, run.mask, fmt::format("{{\"run\":\"{}\"}}", id), run.reason);
    return object_of(tx, std::string(k_run_view) + "where r.id = $1", id);
  });
}

Task<Json> list_runs(Pool& pool, std::string kind, std::string state, std::string after, int limit) {
  const std::int64_t before = after.empty() ? INT64_MAX : parse_id(after, "run");
  co_return co_await transact(pool, [&](Transaction& tx) {
    return array_of(tx,
                    std::string(k_run_view) +
                        "where r.id < $1 and ($2 = '' or r.kind = $2) and ($3 = '' or r.state = $3) "
                        "order by r.id desc limit $4",
                    before, kind, state, limit);
  });
}

Task<Json> show_run(Pool& pool, std::string id) {
  const std::int64_t number = parse_id(id, "run");
  co_return co_await transact(pool, [&](Transaction& tx) {
    const Json run = object_of(tx, std::string(k_run_view) + "where r.id = $1", number);
    if (run == "null") throw Refused(Why::not_found, fmt::format("no run has the id \"{}\"", id));
    return run;
  });
}

Task<Json> list_run_mailboxes(Pool& pool, std::string id, std::string state, int offset, int limit) {
  const std::int64_t number = parse_id(id, "run");
  co_return co_await transact(pool, [&](Transaction& tx) {
    if (tx.exec_params("select 1 from run where id = $1", number).empty())
      throw Refused(Why::not_found, fmt::format("no run has the id \"{}\"", id));
    return array_of(
        tx,
        "select l.name as link, m.name as mailbox, x.state, x.detail, @x.finished_at@ as finished_at, "
        "m.error_code, m.error_text from run_mailbox x join mailbox m on m.id = x.mailbox_id "
        "join link l on l.id = m.link_id where x.run_id = $1 and ($2 = '' or x.state = $2) "
        "order by l.name, m.name offset $3 limit $4",
        number, state, offset, limit);
  });
}

Task<Json> run_log(Pool& pool, std::string id, int limit) {
  const std::int64_t number = parse_id(id, "run");
  co_return co_await transact(pool, [&](Transaction& tx) {
    return array_of(
        tx,
        "select h.id::text as id, @h.at@ as at, m.name as mailbox, h.folder_name as folder, h.kind, "
        "h.source_uid, "
        "h.target_uid, h.before, h.after, h.octets, h.reason from history h "
        "left join mailbox m on m.id = h.mailbox_id where h.run_id = $1 order by h.id desc limit $2",
        number, limit);
  });
}

Task<Json> cancel_run(Pool& pool, std::string id, Actor actor) {
  const std::int64_t number = parse_id(id, "run");
  co_return co_await transact(pool, [&](Transaction& tx) {
    const auto row = tx.exec_params("select state from run where id = $1 for update", number);
    if (row.empty()) throw Refused(Why::not_found, fmt::format("no run has the id \"{}\"", id));
    const std::string state = row[0][0].as<std::string>();
    if (state != "queued" && state != "running")
      throw Refused(Why::wrong_state, fmt::format("the run is {}", state));
    // A queued run has no worker that would notice: it ends here.
    tx.exec_params(
        "update run set cancel_requested = true, state = case when state = 'queued' then 'cancelled' else "
        "state end, "
        "finished_at = case when state = 'queued' then now() end where id = $1",
        number);
    audit(tx, actor, "run.cancel", id, "{}", "");
    wake(tx, "runs");
    return object_of(tx, std::string(k_run_view) + "where r.id = $1", number);
  });
}

Task<Json> list_reports(Pool& pool, std::string kind, int limit) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    return array_of(
        tx,
        "select p.id::text as id, @p.at@ as at, p.kind, p.run_id::text as run, p.body from report p "
        "where $1 = '' or p.kind = $1 order by p.id desc limit $2",
        kind, limit);
  });
}

Task<Json> estimate(Pool& pool, std::string link) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    std::optional<std::int64_t> id;
    if (!link.empty()) id = link_id(tx, link);
    // Voice in base64 lines of 76 costs 78/57 octets per octet; G.711 is 8000 octets a second, GSM 6.10 1625.
    return object_of(
        tx,
        "with mine as (select * from mailbox where participates and ($1::bigint is null or link_id = $1)), "
        "sums as (select count(*) as mailboxes, count(*) filter (where compared_at is null and "
        "source_messages = 0) as "
        "unseen_mailboxes, coalesce(sum(source_messages), 0)::bigint as messages, coalesce(sum(octets), "
        "0)::bigint as octets, "
        "coalesce(sum(greatest(source_messages - target_messages, 0)), 0)::bigint as missing_messages from "
        "mine), "
        "recent as (select h.octets, h.at from history h where h.kind = 'message.copied' order by h.id desc "
        "limit 10000), "
        "rate as (select case when count(*) > 1 and max(at) > min(at) then "
        "(sum(octets) / extract(epoch from max(at) - min(at)))::bigint end as octets_per_second from recent) "
        "select s.*, (s.octets * 57 / 78 / 8000 / 60)::bigint as g711_minutes, (s.octets * 57 / 78 / 1625 / "
        "60)::bigint as "
        "gsm_minutes, r.octets_per_second, case when r.octets_per_second > 0 then "
        "ceil(s.octets::numeric / r.octets_per_second)::bigint end as seconds_at_measured_rate from sums s, "
        "rate r",
        id);
  });
}

}  // namespace mirror::db
