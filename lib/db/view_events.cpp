// SPDX-License-Identifier: Apache-2.0
#include "db/view_events.hpp"

#include "db/faces_detail.hpp"

namespace mirror::db {

namespace {

std::string types_regex(const std::vector<std::string>& types) {
  std::string out;
  for (const auto& type : types) out += (out.empty() ? "" : "|") + mask_to_regex(clean_text(type));
  return out;
}

}  // namespace

Task<EventPage> read_events(Pool& pool, EventQuery query) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    EventPage page;
    const auto bounds = tx.exec("select h.id, coalesce((select min(id) from event), 0) from event_head h");
    page.head_id = bounds[0][0].as<std::int64_t>();
    page.oldest_id = bounds[0][1].as<std::int64_t>();
    const auto rows = tx.exec_params(
        with_times(
            "with page as (select e.id, row_to_json(x) as body from event e cross join lateral (select "
            "e.id::text as id, e.type, "
            "@e.at@ as time, e.severity, e.store, e.mailbox, e.run_id::text as run, e.actor, e.data) x "
            "where e.id > $1 and e.id <= $5 and ($2 = '' or e.type ~ $2) and ($3 = '' or e.mailbox = $3) "
            "order by e.id limit $4) "
            "select coalesce(json_agg(body order by id), '[]'), count(*), coalesce(max(id), 0) from page"),
        query.after, types_regex(query.types), clean_text(query.mailbox), query.limit, page.head_id);
    page.items = rows[0][0].as<std::string>();
    page.count = rows[0][1].as<int>();
    // A short page looked at everything up to the head.
    page.last_id =
        page.count == query.limit ? rows[0][2].as<std::int64_t>() : std::max(query.after, page.head_id);
    return page;
  });
}

Task<Json> list_audit(Pool& pool, std::string after, int limit) {
  const std::int64_t before = after.empty() ? INT64_MAX : parse_id(after, "audit row");
  co_return co_await transact(pool, [&](Transaction& tx) {
    return array_of(
        tx,
        "select a.id::text as id, @a.at@ as at, a.actor, a.action, a.object, a.detail, a.reason, a.result "
        "from audit a where a.id < $1 order by a.id desc limit $2",
        before, limit);
  });
}

}  // namespace mirror::db
