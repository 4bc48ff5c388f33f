// SPDX-License-Identifier: Apache-2.0
#include "db/view_status.hpp"

#include "db/faces_detail.hpp"

namespace mirror::db {

namespace {

const char* const k_site =
    "select state, epoch, @since@ as since, actor, reason, full_review_run::text as full_review_run from "
    "site";

// Pending = a dirty or retry row of a participating mailbox; RPO is the age of the oldest, 0 when there is
// none.
const char* const k_rpo =
    "with pending as (select d.mailbox_id, d.first_seen as since, d.cause, '' as code from dirty d "
    "union all select r.mailbox_id, r.since, 'retry', r.code from retry r), "
    "oldest as (select p.*, m.name, l.name as link from pending p join mailbox m on m.id = p.mailbox_id "
    "join link l on l.id = m.link_id where m.participates order by p.since limit 1) "
    "select coalesce((select greatest(0, extract(epoch from now() - since))::bigint from oldest), 0) as "
    "seconds, "
    "(select (value #>> '{}')::bigint from setting where key = 'rpo_target_seconds' and jsonb_typeof(value) "
    "= 'number') as target_seconds, "
    "(select row_to_json(o) from (select name as mailbox, link, @since@ as since, cause, code from oldest) "
    "o) as oldest, "
    "(select extract(epoch from now() - min(heard_at))::bigint from mailbox where participates) as "
    "oldest_heard_seconds, "
    "(select count(*) from mailbox where participates and heard_at is null) as never_heard";

const char* const k_counts =
    "select (select count(*) from mailbox) as mailboxes, "
    "(select count(*) from mailbox where participates) as participating, "
    "(select count(*) from dirty d join mailbox m on m.id = d.mailbox_id where m.participates) as dirty, "
    "(select count(*) from retry r join mailbox m on m.id = r.mailbox_id where m.participates) as retry, "
    "(select count(*) from quarantine) as quarantined, "
    "(select count(*) from held_deletion where released_at is null and due_at is null) as held, "
    "(select count(*) from held_deletion where released_at is null and due_at is not null) as delayed, "
    "(select coalesce(sum(foreign_messages), 0)::bigint from mailbox) as foreign, "
    "(select coalesce(sum(unknown_messages), 0)::bigint from mailbox) as unknown, "
    "(select coalesce(sum(source_messages), 0)::bigint from mailbox where participates) as source_messages, "
    "(select coalesce(sum(target_messages), 0)::bigint from mailbox where participates) as target_messages, "
    "(select coalesce(sum(greetings), 0)::bigint from mailbox where participates) as greetings, "
    "(select coalesce(sum(octets), 0)::bigint from mailbox where participates) as octets, "
    "(select count(*) from history where kind = 'message.copied' and at > now() - interval '1 minute') as "
    "copied_last_minute, "
    "(select coalesce(sum(octets), 0)::bigint from history where kind = 'message.copied' and at > now() - "
    "interval '1 minute') "
    "as octets_last_minute";

const char* const k_links =
    "select l.id::text as id, l.name, a.name as source, b.name as target, l.paused_reason, "
    "(select row_to_json(c) from (select count(*) as total, count(*) filter (where status = 'new') as new, "
    "count(*) filter (where status = 'in_sync') as in_sync, count(*) filter (where status = 'lagging') as "
    "lagging, "
    "count(*) filter (where status = 'failed') as failed, count(*) filter (where status = 'excluded') as "
    "excluded, "
    "count(*) filter (where status = 'paused') as paused from mailbox m where m.link_id = l.id) c) as "
    "mailboxes "
    "from link l join store a on a.id = l.source_store_id join store b on b.id = l.target_store_id order by "
    "l.id";

const char* const k_stores =
    "select id::text as id, name, host, port, profile, state, state_code, state_text, @state_since@ as "
    "since, "
    "@probe_at@ as probe_at from store order by id";

const char* const k_nodes =
    "select n.id, n.host, n.version, @n.started_at@ as started_at, @n.heartbeat_at@ as heartbeat_at, "
    "n.heartbeat_at > now() - interval '15 seconds' as alive, (select coalesce(json_agg(s), '[]') from "
    "(select v.name, "
    "v.state, v.restarts, v.error, @v.since@ as since, v.restart_requested from service v where v.node_id = "
    "n.id "
    "order by v.name) s) as services from node n order by n.id";

const char* const k_runs =
    "select id::text as id, kind, state, mask, done, total, differing, failed, octets_done, octets_total, "
    "requested_by, "
    "@started_at@ as started_at, case when state = 'running' and done > 0 and total > done then "
    "ceil(extract(epoch from now() - started_at) / done * (total - done))::bigint end as eta_seconds "
    "from run where state in ('queued', 'running') order by id limit 20";

// Logins are only told by a push source: with IDLE or NOTIFY alone nobody counted them.
const char* const k_events =
    "select s.name as store, e.kind, e.impact, to_json(e.count) as count, @e.last_at@ as last_at from "
    "store_event e "
    "join store s on s.id = e.store_id where e.kind <> 'login' "
    "union all select s.name, 'login', false, "
    "case when exists (select 1 from mailbox m join link l on l.id = m.link_id where l.source_store_id = "
    "s.id "
    "and m.watch_method = 'push') or exists (select 1 from store_event e where e.store_id = s.id and e.kind "
    "= "
    "'login') then to_json(coalesce((select sum(e.count)::bigint from store_event e "
    "where "
    "e.store_id = s.id and e.kind = 'login'), 0)) else to_json('unknown'::text) end, "
    "(select @max(e.last_at)@ from store_event e where e.store_id = s.id and e.kind = 'login') "
    "from store s where exists (select 1 from link l where l.source_store_id = s.id) order by 1, 2, 3";

// Which, why; the caller adds what to do from the catalogue of codes.
const char* const k_problems =
    "select * from (select 'store' as kind, '' as link, name as object, 1::bigint as count, state_code as "
    "code, state_text as text, "
    "@state_since@ as since from store where state in ('down', 'refused') "
    "union all select 'mailbox', l.name, m.name, 1, m.error_code, m.error_text, @m.error_since@ from mailbox "
    "m "
    "join link l on l.id = m.link_id where m.status = 'failed' and m.participates "
    "union all select 'quarantine', l.name, m.name, count(*), q.code, "
    "(array_agg(concat_ws(': ', concat_ws(' ', q.kind, 'in', quote_ident(q.folder_name)), "
    "nullif(q.server_text, '')) order by q.id))[1], "
    "@min(q.since)@ from quarantine q join mailbox m on m.id = q.mailbox_id join link l on l.id = m.link_id "
    "group by l.name, m.name, q.code "
    // What the whole link holds is one problem, not one for each mailbox.
    "union all select 'held', l.name, x.object, count(*), 'MRD-MIR-005', min(h.reason), @min(h.held_at)@ "
    "from "
    "held_deletion h "
    "join folder f on f.id = h.folder_id join mailbox m on m.id = f.mailbox_id join link l on l.id = "
    "m.link_id cross join lateral (select case when h.scope = 'link' then '*' else m.name end as object) x "
    "where h.released_at is null and h.due_at is null group by l.name, x.object "
    "union all select 'service', n.id, s.name, s.restarts::bigint, '', s.error, @s.since@ from service s "
    "join node n on n.id = s.node_id "
    "where s.state = 'backing_off' "
    // Of the directory: the last run when it failed, else what the newest plan left open.
    "union all select 'directory', l.name, '', x.count, x.code, x.text, @coalesce(r.finished_at, "
    "p.created_at)@ from "
    "directory_mirror m join link l on l.id = m.link_id left join lateral (select * from run o where "
    "o.link_id = "
    "l.id and o.kind = 'directory' and o.state in ('done', 'failed') order by o.id desc limit 1) r on true "
    "left "
    "join lateral (select * from directory_plan o where o.link_id = l.id and o.state <> 'reading' order by "
    "o.id "
    "desc limit 1) p on true cross join lateral (select 1::bigint, r.result ->> 'code', r.result ->> 'text' "
    "where "
    "r.state = 'failed' union all select 1, 'MRD-DIR-001', p.incomplete where p.incomplete <> '' union all "
    "select "
    "1, 'MRD-DIR-002', p.guard where p.guard <> '' and p.guard_released_by = '' union all select count(*), "
    "c.code, "
    "min(c.detail) from directory_change c where c.plan_id = p.id and c.state in ('waiting', 'refused') "
    "group by "
    "c.code) x(count, code, text)) p order by "
    "array_position(array['store','service','mailbox','directory','held','quarantine'], kind), link, object "
    "limit "
    "100";

std::string part(const char* name, const Json& value) {
  return fmt::format("\"{}\":{}", name, value);
}

}  // namespace

Task<Json> show_status(Pool& pool) {
  co_return co_await transact(pool, [](Transaction& tx) {
    tx.exec("set transaction isolation level repeatable read");
    std::string out = "{";
    out += part("time", json_of(tx, "select to_json(@now()@)")) + ",";
    out += part("site", object_of(tx, k_site)) + ",";
    out += part("rpo", object_of(tx, k_rpo)) + ",";
    out += part("counts", object_of(tx, k_counts)) + ",";
    out += part("links", array_of(tx, k_links)) + ",";
    out += part("stores", array_of(tx, k_stores)) + ",";
    out += part("nodes", array_of(tx, k_nodes)) + ",";
    out += part("runs", array_of(tx, k_runs)) + ",";
    out += part("events", array_of(tx, k_events)) + ",";
    out += part("problems", array_of(tx, k_problems));
    return Json(out + "}");
  });
}

Task<Json> metric_rows(Pool& pool) {
  co_return co_await transact(pool, [](Transaction& tx) {
    return array_of(
        tx,
        "select 'mirrord_state' as name, json_build_object('state', w) as labels, (w = s.state)::int::float8 "
        "as value from site s, "
        "unnest(array['mirroring','suspending','suspended','failed_over','restoring','resync','drill']) w "
        "union all select 'mirrord_state_changed_timestamp_seconds', '{}', extract(epoch from since) from "
        "site "
        "union all select 'mirrord_rpo_seconds', '{}', coalesce(extract(epoch from now() - least((select "
        "min(d.first_seen) from "
        "dirty d join mailbox m on m.id = d.mailbox_id where m.participates), (select min(r.since) from "
        "retry r join mailbox m "
        "on m.id = r.mailbox_id where m.participates))), 0) "
        "union all select 'mirrord_rpo_target_seconds', '{}', (value #>> '{}')::float8 from setting where "
        "key = 'rpo_target_seconds' and jsonb_typeof(value) = 'number' "
        "union all select 'mirrord_oldest_pending_change_timestamp_seconds', '{}', extract(epoch from t) "
        "from (select least("
        "(select min(first_seen) from dirty), (select min(since) from retry)) as t) x where t is not null "
        "union all select 'mirrord_mailboxes', json_build_object('status', w), (select count(*) from mailbox "
        "where status = w) "
        "from unnest(array['new','in_sync','lagging','failed','excluded','paused']) w "
        "union all select 'mirrord_dirty_mailboxes', '{}', count(*) from dirty "
        "union all select 'mirrord_checkpoint_timestamp_seconds', '{}', extract(epoch from min(compared_at)) "
        "from mailbox "
        "where participates having min(compared_at) is not null "
        "union all select 'mirrord_queue_depth', json_build_object('queue', q), n from (select 'dirty' as q, "
        "count(*) as n from dirty "
        "union all select 'retry', count(*) from retry union all select 'quarantine', count(*) from "
        "quarantine "
        "union all select 'held_deletions', count(*) from held_deletion where released_at is null and due_at "
        "is "
        "null "
        "union all select 'delayed_deletions', count(*) from held_deletion where released_at is null and "
        "due_at is not null) x "
        "union all select 'mirrord_events_received_total', json_build_object('store', s.name, 'type', "
        "e.kind, 'impact', e.impact), "
        "e.count from store_event e join store s on s.id = e.store_id "
        "union all select 'mirrord_store_up', json_build_object('store', name, 'protocol', 'imap'), (state = "
        "'up')::int from store "
        "where state <> 'unknown' "
        "union all select 'mirrord_runs_total', json_build_object('kind', kind, 'status', state), count(*) "
        "from run "
        "where state in ('done', 'failed', 'cancelled') group by kind, state "
        "union all select 'mirrord_run_last_duration_seconds', json_build_object('kind', kind), "
        "extract(epoch from finished_at - "
        "started_at) from (select distinct on (kind) * from run where state = 'done' and started_at is not "
        "null order by kind, id desc) x "
        "union all select 'mirrord_verify_last_success_timestamp_seconds', '{}', extract(epoch from "
        "max(finished_at)) from run "
        "where kind = 'verify' and state = 'done' having max(finished_at) is not null "
        "union all select 'mirrord_verify_mismatched_mailboxes', '{}', differing from (select * from run "
        "where kind = 'verify' and "
        "state = 'done' order by id desc limit 1) x");
  });
}

Task<Json> list_services(Pool& pool) {
  co_return co_await transact(pool, [](Transaction& tx) { return array_of(tx, k_nodes); });
}

Task<Json> restart_service(Pool& pool, std::string name, Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const auto rows = tx.exec_params(
        "update service set restart_requested = true where name = $1 returning node_id", clean_text(name));
    if (rows.empty()) {
      std::string known;
      for (const auto& row : tx.exec("select distinct name from service order by name"))
        known += (known.empty() ? "" : ", ") + row[0].as<std::string>();
      throw Refused(Refused::Why::not_found,
                    fmt::format("no service is named \"{}\"; there are: {}", name, known));
    }
    audit(tx, actor, "service.restart", name, "{}", "");
    wake(tx, "services");
    return Json(fmt::format("{{\"requested\":{}}}", rows.size()));
  });
}

}  // namespace mirror::db
