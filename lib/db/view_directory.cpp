// SPDX-License-Identifier: Apache-2.0
#include "db/view_directory.hpp"

#include "db/view_directory_detail.hpp"
#include "db/view_runs_detail.hpp"

namespace mirror::db {

namespace {

using Why = Refused::Why;

// An IPv6 address needs its brackets.
constexpr const char* k_address =
    "(select case when d.host like '%:%' then '[' || d.host || ']' else d.host end || ':' || d.port "
    "from directory d where d.store_id = {}.id)";

// Deletions that were let go by an operator no longer wait for one.
const char* const k_problems =
    "(select coalesce(json_agg(json_build_object('code', x.code, 'text', x.text) order by x.code), '[]') "
    "from (values ('MRD-DIR-001', p.plan ->> 'incomplete', p.plan ->> 'incomplete' <> ''), "
    "('MRD-DIR-002', p.plan ->> 'guard', p.plan ->> 'guard' <> '' and p.plan ->> 'guard_released_by' = ''), "
    "('MRD-DIR-003', format('%s changes wait', p.plan -> 'states' ->> 'waiting'), "
    "(p.plan -> 'states' ->> 'waiting')::bigint > 0), "
    "('MRD-DIR-005', format('%s changes were refused', p.plan -> 'states' ->> 'refused'), "
    "(p.plan -> 'states' ->> 'refused')::bigint > 0), (r.result ->> 'code', r.result ->> 'text', r.state = "
    "'failed')) x(code, text, there) where x.there)";

void require_configured(Transaction& tx, std::int64_t link) {
  // The lock lets two requests at once queue one run, not two.
  if (tx.exec_params("select 1 from directory_mirror where link_id = $1 for update", link).empty())
    throw Refused(Why::not_found, "the link mirrors no directory: mirrorctl directory link set");
  const auto bare = tx.exec_params(
      "select s.name from link l join store s on s.id in (l.source_store_id, l.target_store_id) where l.id = "
      "$1 and not exists (select 1 from directory d where d.store_id = s.id) order by s.id",
      link);
  if (!bare.empty())
    throw Refused(Why::not_found, fmt::format("the store \"{}\" has no directory", bare[0][0].c_str()));
}

void require_mirroring(Transaction& tx) {
  const auto state = tx.exec("select state from site for share")[0][0].as<std::string>();
  if (state != "mirroring")
    throw Refused(Why::wrong_state, fmt::format("the site is {}: nothing connects to a directory", state));
}

void require_alone(Transaction& tx, std::int64_t link) {
  const auto other = tx.exec_params(
      "select id::text, state from run where link_id = $1 and kind = 'directory' and state in ('queued', "
      "'running') order by id limit 1",
      link);
  if (!other.empty())
    throw Refused(Why::wrong_state, fmt::format("the directory run {} of this link is {}",
                                                other[0][0].c_str(), other[0][1].c_str()));
}

void require_applicable(Transaction& tx, std::int64_t link, std::int64_t plan) {
  const auto row = tx.exec_params(
      "select state, (select max(n.id) from directory_plan n where n.link_id = $1)::text from directory_plan "
      "where id = $2 and link_id = $1",
      link, plan);
  if (row.empty())
    throw Refused(Why::not_found, fmt::format("the link has no plan with the id \"{}\"", plan));
  const auto state = row[0][0].as<std::string>(), newest = row[0][1].as<std::string>();
  if (newest != fmt::to_string(plan))
    throw Refused(Why::wrong_state, fmt::format("plan {} is superseded by plan {}", plan, newest));
  if (state != "planned" && state != "applied")
    throw Refused(Why::wrong_state, fmt::format("plan {} is {}", plan, state));
}

void require_sense(const NewDirectoryRun& run) {
  if (!run.apply && (!run.plan.empty() || !run.only.empty() || run.allow_mass_delete))
    throw Refused(Why::invalid, "plan, only and allow_mass_delete are for a run that applies");
  // What is let go is what somebody looked at.
  if (run.allow_mass_delete && run.plan.empty())
    throw Refused(Why::invalid, "allow_mass_delete needs the plan whose changes it lets go");
  if (run.allow_mass_delete && run.reason.empty())
    throw Refused(Why::invalid, "allow_mass_delete needs a reason");
}

}  // namespace

Task<Json> directory_status(Pool& pool, std::string link) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    if (!link.empty()) link_id(tx, link);
    return array_of(
        tx,
        "select l.name as link, a.name as source, b.name as target, " + fmt::format(k_address, "a") +
            " as source_address, " + fmt::format(k_address, "b") +
            " as target_address, m.scheduled, @m.next_run_at@ as next_run_at, (select r.id::text from run r "
            "where r.link_id = l.id and r.kind = 'directory' and r.state in ('queued', 'running') order by "
            "r.id limit 1) as running, p.plan as last_plan, (select json_build_object('active', count(*) "
            "filter (where d.state = 'active'), 'disabled', count(*) filter (where d.state = 'disabled')) "
            "from directory_pair d where d.link_id = l.id) as pairs, (select count(*) from mailbox x where "
            "x.link_id = l.id and x.origin = 'directory') as mailboxes_from_directory, " +
            k_problems +
            " as problems from directory_mirror m join link l on l.id = m.link_id "
            "join store a on a.id = l.source_store_id join store b on b.id = l.target_store_id "
            "left join lateral (select row_to_json(v) as plan from (" +
            k_directory_plan_view +
            "where p.id = (select max(n.id) from directory_plan n where n.link_id = m.link_id and n.state <> "
            "'reading')) v) p on true left join lateral (select o.state, o.result from run o where o.link_id "
            "= "
            "l.id and o.kind = 'directory' and o.state in ('done', 'failed') order by o.id desc limit 1) r "
            "on "
            "true where $1 = '' or l.name = $1 order by l.id",
        clean_text(link));
  });
}

Task<Json> create_directory_run(Pool& pool, NewDirectoryRun run, Actor actor) {
  require_sense(run);
  std::optional<std::int64_t> plan;
  if (!run.plan.empty()) plan = parse_id(run.plan, "plan");
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::int64_t link = link_id_or_only(tx, run.link);
    require_configured(tx, link);
    require_mirroring(tx);
    require_alone(tx, link);
    if (plan) require_applicable(tx, link, *plan);
    ArrayText only;
    for (const auto& kind : run.only) only.add(kind);
    const auto row = tx.exec_params(
        "insert into run (kind, link_id, options, requested_by, reason, total) select 'directory', $1, "
        "jsonb_build_object('apply', $2::boolean, 'plan', $3::bigint, 'only', to_jsonb($4::text[]), "
        "'allow_mass_delete', $5::boolean), $6, $7, 0 returning id",
        link, run.apply, plan, only.done(), run.allow_mass_delete, clean_text(actor.who),
        clean_text(run.reason));
    const auto id = row[0][0].as<std::int64_t>();
    tx.exec_params("select add_event('run.queued', 'info', '', '', $1, $2, '{\"kind\": \"directory\"}')", id,
                   clean_text(actor.who));
    const std::string name =
        tx.exec_params("select name from link where id = $1", link)[0][0].as<std::string>();
    audit(tx, actor, "run.directory", name,
          fmt::format("{{\"run\":\"{}\",\"apply\":{},\"allow_mass_delete\":{}}}", id, run.apply,
                      run.allow_mass_delete),
          run.reason);
    wake(tx, "runs");
    return object_of(tx, std::string(k_run_view) + "where r.id = $1", id);
  });
}

}  // namespace mirror::db
