// SPDX-License-Identifier: Apache-2.0
#include "db/view_directory_detail.hpp"

namespace mirror::db {

const char* const k_directory_plan_view =
    "select p.id::text as id, l.name as link, p.run_id::text as run, p.state, p.source_entries, "
    "p.target_entries, p.source_complete, p.target_complete, p.equal_entries, p.foreign_entries, "
    "p.incomplete, p.guard, p.guard_released_by, c.states, c.kinds, c.drift, @p.created_at@ as created_at, "
    "@p.finished_at@ as finished_at from directory_plan p join link l on l.id = p.link_id "
    "cross join lateral (select json_build_object("
    "'found', count(*) filter (where x.state = 'found'), 'planned', count(*) filter (where x.state = "
    "'planned'), 'held', count(*) filter (where x.state = 'held'), 'waiting', count(*) filter (where x.state "
    "= 'waiting'), 'sent', count(*) filter (where x.state = 'sent'), 'done', count(*) filter (where x.state "
    "= 'done'), 'refused', count(*) filter (where x.state = 'refused'), 'unneeded', count(*) filter (where "
    "x.state = 'unneeded'), 'unknown', count(*) filter (where x.state = 'unknown')) as states, "
    "json_build_object('add', count(*) filter (where x.kind = 'add'), 'modify', count(*) filter (where "
    "x.kind = 'modify'), 'rename', count(*) filter (where x.kind = 'rename'), 'disable', count(*) filter "
    "(where x.kind = 'disable'), 'delete', count(*) filter (where x.kind = 'delete')) as kinds, "
    "count(*) filter (where x.drift) as drift from directory_change x where x.plan_id = p.id) c ";

namespace {

using Why = Refused::Why;

const char* const k_change_view =
    "select c.id::text as id, c.kind, c.state, c.key, c.source_dn, c.target_dn, c.new_dn, c.drift, "
    "c.attributes, c.code, c.detail, @c.sent_at@ as sent_at, @c.ended_at@ as ended_at from directory_change "
    "c ";

const char* const k_history_view =
    "select h.id::text as id, @h.at@ as at, l.name as link, h.plan_id::text as plan, h.run_id::text as run, "
    "h.kind, h.key, h.target_dn, h.new_dn, h.drift, h.before, h.after, h.reason from directory_history h "
    "left join link l on l.id = h.link_id ";

// 0: none yet.
std::int64_t newest_plan(Transaction& tx, std::int64_t link) {
  return tx
      .exec_params(
          "select coalesce(max(id), 0) from directory_plan where link_id = $1 and state <> "
          "'reading'",
          link)[0][0]
      .as<std::int64_t>();
}

}  // namespace

Task<Json> list_directory_plans(Pool& pool, std::string link, std::string after, int limit) {
  const std::int64_t before = after.empty() ? INT64_MAX : parse_id(after, "plan");
  co_return co_await transact(pool, [&](Transaction& tx) {
    if (!link.empty()) link_id(tx, link);
    // The page first, its counts then.
    return array_of(tx,
                    k_directory_plan_view +
                        std::string("where p.id in (select n.id from directory_plan n join link k on k.id = "
                                    "n.link_id where n.id < $1 and ($2 = '' or k.name = $2) order by n.id "
                                    "desc limit $3) order by p.id desc"),
                    before, clean_text(link), limit);
  });
}

Task<Json> show_directory_plan(Pool& pool, std::string id, std::string link) {
  const bool newest = id == "newest";
  const std::int64_t asked = newest ? 0 : parse_id(id, "plan");
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::int64_t number = newest ? newest_plan(tx, link_id_or_only(tx, link)) : asked;
    if (newest && number == 0) throw Refused(Why::not_found, "the link has no plan yet");
    const Json plan =
        object_of(tx, k_directory_plan_view + std::string("where p.id = $1 and ($2 = '' or l.name = $2)"),
                  number, clean_text(link));
    if (plan == "null") throw Refused(Why::not_found, fmt::format("no plan has the id \"{}\"", id));
    return plan;
  });
}

Task<Json> list_directory_changes(Pool& pool, DirectoryChanges query) {
  const std::int64_t plan = parse_id(query.plan, "plan");
  const std::int64_t after = query.after.empty() ? 0 : parse_id(query.after, "change");
  co_return co_await transact(pool, [&](Transaction& tx) {
    if (tx.exec_params("select 1 from directory_plan where id = $1", plan).empty())
      throw Refused(Why::not_found, fmt::format("no plan has the id \"{}\"", query.plan));
    const std::string where =
        "where c.plan_id = $1 and ($2 = '' or c.kind = $2) and ($3 = '' or c.state = $3) and ($4 = '' or "
        "c.key = $4) ";
    const std::string kind = clean_text(query.kind), state = clean_text(query.state),
                      key = clean_text(query.key);
    const Json total =
        json_of(tx, "select to_json(count(*)) from directory_change c " + where, plan, kind, state, key);
    const Json items = array_of(tx, k_change_view + where + "and c.id > $5 order by c.id limit $6", plan,
                                kind, state, key, after, query.limit);
    return Json(fmt::format("{{\"total\":{},\"items\":{}}}", total, items));
  });
}

Task<Json> list_directory_history(Pool& pool, std::string link, std::string key, std::string after,
                                  int limit) {
  const std::int64_t before = after.empty() ? INT64_MAX : parse_id(after, "history row");
  co_return co_await transact(pool, [&](Transaction& tx) {
    std::optional<std::int64_t> id;
    if (!link.empty()) id = link_id(tx, link);
    // One plan serves every value: a text of its own for each filter lets each have its index.
    const std::string where = fmt::format("where h.id < $1 and {} and {} order by h.id desc limit $4",
                                          link.empty() ? "$2::bigint is null" : "h.link_id = $2",
                                          key.empty() ? "$3::text = ''" : "h.key = $3");
    return array_of(tx, k_history_view + where, before, id, clean_text(key), limit);
  });
}

Task<Json> show_directory_entry(Pool& pool, std::string link, std::string key) {
  const std::string wanted = clean_text(key);
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::int64_t id = link_id_or_only(tx, link);
    const Json pair = object_of(
        tx,
        "select d.source_uuid, d.target_uuid, d.key, d.mailbox, d.state, @d.disabled_at@ as disabled_at "
        "from directory_pair d where d.link_id = $1 and d.key = $2 order by d.state, d.source_uuid",
        id, wanted);
    const Json changes =
        array_of(tx, k_change_view + std::string("where c.plan_id = $1 and c.key = $2 order by c.id"),
                 newest_plan(tx, id), wanted);
    const Json history = array_of(
        tx, k_history_view + std::string("where h.link_id = $1 and h.key = $2 order by h.id desc limit 50"),
        id, wanted);
    if (pair == "null" && changes == "[]" && history == "[]")
      throw Refused(Why::not_found, fmt::format("nothing is known of \"{}\" in the directories", key));
    return Json(fmt::format("{{\"pair\":{},\"changes\":{},\"history\":{}}}", pair, changes, history));
  });
}

}  // namespace mirror::db
