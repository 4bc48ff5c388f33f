// SPDX-License-Identifier: Apache-2.0
#include "db/view_mailboxes.hpp"

#include "db/faces_detail.hpp"

namespace mirror::db {

namespace {

using Why = Refused::Why;

const char* const k_mailbox_columns =
    "select m.id::text as id, l.name as link, m.name, m.target_name, m.origin, m.participates, m.status, "
    "m.error_code, "
    "m.error_text, @m.error_since@ as error_since, m.failures, m.watch_method, @m.heard_at@ as heard_at, "
    "@m.compared_at@ as compared_at, @m.full_compared_at@ as full_compared_at, @m.verified_at@ as "
    "verified_at, "
    "m.source_messages, m.target_messages, m.greetings, m.octets, m.foreign_messages, m.unknown_messages, "
    "(select count(*) from quarantine q where q.mailbox_id = m.id) as quarantined, "
    "greatest(0, extract(epoch from now() - least(d.first_seen, r.since)))::bigint as lag_seconds, "
    // Null where the store lets the trusted login in.
    "case when a.login_method = 'own_password' then exists (select 1 from mailbox_password p where "
    "p.store_id = a.id and p.owner = m.name) end as source_password_set, "
    "case when b.login_method = 'own_password' then exists (select 1 from mailbox_password p where "
    "p.store_id = b.id and p.owner = m.target_name) end as target_password_set ";

const char* const k_mailbox_from =
    "from mailbox m join link l on l.id = m.link_id join store a on a.id = l.source_store_id "
    "join store b on b.id = l.target_store_id left join dirty d on d.mailbox_id = m.id "
    "left join retry r on r.mailbox_id = m.id ";

std::string order_of(std::string sort) {
  const bool down = !sort.empty() && sort[0] == '-';
  if (down) sort.erase(0, 1);
  static const std::map<std::string, std::string> k_columns{{"name", "m.name"},
                                                            {"status", "m.status"},
                                                            {"lag", "least(d.first_seen, r.since)"},
                                                            {"messages", "m.source_messages"},
                                                            {"octets", "m.octets"}};
  const auto found = k_columns.find(sort);
  if (found == k_columns.end())
    throw Refused(Why::invalid,
                  fmt::format("cannot sort by \"{}\"; name, status, lag, messages, octets", sort));
  // Lag grows as its time stamp falls.
  const bool descending = sort == "lag" ? !down : down;
  return found->second + (descending ? " desc" : " asc") + (sort == "lag" ? " nulls last" : "") +
         ", m.name, m.id";
}

std::vector<std::int64_t> ids_of(const pqxx::result& rows) {
  std::vector<std::int64_t> ids;
  for (const auto& row : rows) ids.push_back(row[0].as<std::int64_t>());
  return ids;
}

const char* const k_quarantine_view =
    "select q.id::text as id, l.name as link, m.name as mailbox, q.folder_name as folder, q.kind, "
    "q.source_uid, q.code, q.wanted, "
    "q.got, q.server_text, q.size, q.attempts, @q.since@ as since, @q.last_at@ as last_at, @q.retry_at@ as "
    "retry_at "
    "from quarantine q join mailbox m on m.id = q.mailbox_id join link l on l.id = m.link_id ";

}  // namespace

Task<Json> list_mailboxes(Pool& pool, MailboxQuery query) {
  const std::string order = order_of(query.sort);
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::string where =
        "where ($1 = '' or l.name = $1) and m.name ~ $2 and ($3 = '' or m.status = $3) ";
    const std::string regex = mask_to_regex(clean_text(query.mask));
    const Json total =
        json_of(tx, "select to_json(count(*)) from mailbox m join link l on l.id = m.link_id " + where,
                clean_text(query.link), regex, query.status);
    const Json items = array_of(
        tx,
        std::string(k_mailbox_columns) + k_mailbox_from + where + "order by " + order + " offset $4 limit $5",
        clean_text(query.link), regex, query.status, query.offset, query.limit);
    return Json(fmt::format("{{\"total\":{},\"items\":{}}}", total, items));
  });
}

Task<Json> show_mailbox(Pool& pool, std::string link, std::string name) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::int64_t id = mailbox_id(tx, link, name);
    return object_of(
        tx,
        std::string(k_mailbox_columns) +
            ", @m.review_due_at@ as review_due_at, @m.rebuild_due_at@ as rebuild_due_at, "
            "(select row_to_json(x) from (select d.cause, @d.first_seen@ as first_seen, @d.due_at@ as "
            "due_at, d.full_compare) x "
            "where d.mailbox_id is not null) as dirty, "
            "(select row_to_json(x) from (select r.code, r.detail, r.scope, r.attempts, @r.since@ as since, "
            "@r.due_at@ as due_at) x "
            "where r.mailbox_id is not null) as retry, "
            "(select coalesce(json_agg(f), '[]') from (select f.source_name, f.target_name, f.state, "
            "f.special_use, f.subscribed, "
            "f.greetings, f.source_exists, f.target_exists, f.source_uidvalidity, f.target_uidvalidity, "
            "(select count(*) from message g where g.folder_id = f.id) as mapped, "
            "(select count(*) from message g where g.folder_id = f.id and (f.greetings or g.greeting)) as "
            "greeting_messages, "
            "(select count(*) from extra_message e where e.folder_id = f.id and e.kind = 'foreign') as "
            "foreign, "
            "(select count(*) from extra_message e where e.folder_id = f.id and e.kind = 'unknown') as "
            "unknown "
            "from folder f where f.mailbox_id = m.id order by f.source_name) f) as folders " +
            k_mailbox_from + "where m.id = $1",
        id);
  });
}

Task<Json> mailbox_history(Pool& pool, std::string link, std::string name, std::string after, int limit) {
  const std::int64_t before = after.empty() ? INT64_MAX : parse_id(after, "history row");
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::int64_t id = mailbox_id(tx, link, name);
    return array_of(
        tx,
        "select h.id::text as id, @h.at@ as at, h.folder_name as folder, h.kind, h.source_uid, h.target_uid, "
        "h.before, h.after, encode(h.digest, 'hex') as sha256, h.octets, h.run_id::text as run, h.reason "
        "from history h where h.mailbox_id = $1 and h.id < $2 order by h.id desc limit $3",
        id, before, limit);
  });
}

Task<Json> list_quarantine(Pool& pool, std::string mailbox, std::string code, int offset, int limit) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::string regex = mask_to_regex(clean_text(mailbox.empty() ? "*" : mailbox));
    const std::string where = "where m.name ~ $1 and ($2 = '' or q.code = $2) ";
    const Json total = json_of(
        tx, "select to_json(count(*)) from quarantine q join mailbox m on m.id = q.mailbox_id " + where,
        regex, code);
    const Json items =
        array_of(tx, std::string(k_quarantine_view) + where + "order by q.id offset $3 limit $4", regex, code,
                 offset, limit);
    return Json(fmt::format("{{\"total\":{},\"items\":{}}}", total, items));
  });
}

Task<Json> show_quarantine(Pool& pool, std::string id) {
  const std::int64_t number = parse_id(id, "quarantine row");
  co_return co_await transact(pool, [&](Transaction& tx) {
    const Json row = object_of(tx, std::string(k_quarantine_view) + "where q.id = $1", number);
    if (row == "null") throw Refused(Why::not_found, fmt::format("no quarantine row has the id \"{}\"", id));
    return row;
  });
}

Task<Json> retry_quarantine(Pool& pool, std::string id, Actor actor) {
  const std::optional<std::int64_t> number =
      id == "all" ? std::nullopt : std::optional(parse_id(id, "quarantine row"));
  co_return co_await transact(pool, [&](Transaction& tx) {
    const auto rows = tx.exec_params(
        "update quarantine set retry_at = null where $1::bigint is null or id = $1 returning mailbox_id",
        number);
    if (rows.empty() && number)
      throw Refused(Why::not_found, fmt::format("no quarantine row has the id \"{}\"", id));
    compare_soon(tx, ids_of(rows), "quarantine.retry");
    audit(tx, actor, "quarantine.retry", id, "{}", "");
    return Json(fmt::format("{{\"due\":{}}}", rows.size()));
  });
}

Task<Json> drop_quarantine(Pool& pool, std::string id, Actor actor) {
  const std::int64_t number = parse_id(id, "quarantine row");
  co_return co_await transact(pool, [&](Transaction& tx) {
    const Json row = object_of(tx, std::string(k_quarantine_view) + "where q.id = $1", number);
    if (row == "null") throw Refused(Why::not_found, fmt::format("no quarantine row has the id \"{}\"", id));
    // What nobody waits for any more is tried again, or found to be there.
    const auto gone = tx.exec_params("delete from quarantine where id = $1 returning mailbox_id", number);
    compare_soon(tx, ids_of(gone), "quarantine.drop");
    audit(tx, actor, "quarantine.drop", id, row, "");
    return row;
  });
}

}  // namespace mirror::db
