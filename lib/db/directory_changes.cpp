// SPDX-License-Identifier: Apache-2.0
#include "db/directory_changes.hpp"

#include "db/rows_detail.hpp"

namespace mirror::db {

namespace {

std::int64_t id_of(PlanId plan) {
  return static_cast<std::int64_t>(plan);
}

const char* const k_columns =
    "c.id, c.kind, c.key, c.source_uuid, c.target_uuid, c.source_dn, c.target_dn, c.new_dn, c.source_csn, "
    "c.target_csn, c.source_fields, c.known_fields, c.drift, c.attributes::text";

std::vector<ChangeRow> read_changes(const pqxx::result& rows) {
  std::vector<ChangeRow> out;
  for (const auto& row : rows) {
    ChangeRow c;
    c.id = ChangeId{row[0].as<std::int64_t>()};
    std::string* const texts[] = {&c.kind,      &c.key,    &c.source_uuid, &c.target_uuid, &c.source_dn,
                                  &c.target_dn, &c.new_dn, &c.source_csn,  &c.target_csn};
    int column = 1;
    for (std::string* text : texts) *text = row[column++].as<std::string>();
    c.source_fields = read_octets(row[10]);
    c.known_fields = read_octets(row[11]);
    c.drift = row[12].as<bool>();
    c.attributes = row[13].as<std::string>();
    out.push_back(std::move(c));
  }
  return out;
}

}  // namespace

Task<std::vector<ChangeRow>> found_changes(Pool& pool, PlanId plan, std::size_t limit) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    return read_changes(tx.exec_params(std::string("select ") + k_columns +
                                           " from directory_change c where plan_id = $1 and state = 'found' "
                                           "order by id limit $2",
                                       id_of(plan), static_cast<std::int64_t>(limit)));
  });
}

Task<void> save_details(Pool& pool, std::vector<ChangeDetail> details) {
  if (details.empty()) co_return;
  co_await transact(pool, [&](Transaction& tx) {
    ArrayText ids, states, attributes, drifts, codes, words;
    for (const auto& d : details) {
      ids.add(static_cast<std::int64_t>(d.id));
      states.add(std::string_view(d.state));
      attributes.add(std::string_view(d.attributes));
      drifts.add(std::string_view(d.drift ? "t" : "f"));
      codes.add(std::string_view(d.code));
      words.add(std::string_view(d.detail));
    }
    tx.exec_params(
        "update directory_change c set state = x.state, attributes = x.attributes::jsonb, drift = c.drift or "
        "x.drift, code = x.code, detail = x.detail from unnest($1::bigint[], $2::text[], $3::text[], "
        "$4::boolean[], $5::text[], $6::text[]) x(id, state, attributes, drift, code, detail) where c.id = "
        "x.id and c.state = 'found'",
        ids.done(), states.done(), attributes.done(), drifts.done(), codes.done(), words.done());
  });
}

Task<void> end_planning(Pool& pool, PlanId plan) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params(
        "delete from directory_change where plan_id = $1 and state = 'unneeded' and sent_at is null",
        id_of(plan));
    tx.exec_params(
        "update directory_plan set state = 'planned', finished_at = now() where id = $1 and state = "
        "'reading'",
        id_of(plan));
  });
}

Task<bool> begin_applying(Pool& pool, PlanId plan, std::string map_hash, bool allow_mass_delete,
                          std::string released_by) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    tx.of_a_pass = true;
    const auto rows = tx.exec_params(
        "update directory_plan p set state = 'applying' where id = $1 and state in ('planned', 'applied') "
        "and "
        "map_hash = $2 and not exists (select 1 from directory_plan n where n.link_id = p.link_id and n.id > "
        "p.id) returning guard",
        id_of(plan), map_hash);
    if (rows.empty()) return false;
    if (!allow_mass_delete || rows[0][0].as<std::string>().empty()) return true;
    tx.exec_params("update directory_plan set guard_released_by = $2 where id = $1", id_of(plan),
                   clean_text(released_by));
    tx.exec_params(
        "update directory_change set state = 'planned', code = '', detail = '' where plan_id = $1 and state "
        "= 'held'",
        id_of(plan));
    return true;
  });
}

namespace {

bool may_send(Transaction& tx, const Sender& sender) {
  return tx.exec("select state from site for share")[0][0].as<std::string>() == "mirroring" &&
         !tx.exec_params(
                "select 1 from run r join directory_plan p on p.id = $1 where r.id = $2 and r.state = "
                "'running' and r.node_id = $3 and not r.cancel_requested and p.state = 'applying' for share "
                "of r",
                id_of(sender.plan), num(sender.run), sender.node)
              .empty();
}

}  // namespace

Task<std::optional<std::vector<ChangeRow>>> take_changes(Pool& pool, Sender sender, std::string kind,
                                                         std::size_t limit) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    tx.of_a_pass = true;
    std::optional<std::vector<ChangeRow>> out;
    if (!may_send(tx, sender)) return out;
    const std::string order = kind == "delete" ? "length(c.target_dn) desc" : "length(c.new_dn)";
    out = read_changes(tx.exec_params(
        "with turn as (select id from directory_change c where plan_id = $1 and kind = $2 and state = "
        "'planned' order by " +
            order +
            ", id limit $3), c as (update directory_change u set state = 'sent', sent_at = now() from turn "
            "where turn.id = u.id returning u.*) select " +
            k_columns + " from c order by " + order + ", id",
        id_of(sender.plan), kind, static_cast<std::int64_t>(limit)));
    return out;
  });
}

Task<bool> permit_again(Pool& pool, Sender sender, std::vector<ChangeId> changes) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    tx.of_a_pass = true;
    if (!may_send(tx, sender)) return false;
    ArrayText ids;
    for (const auto id : changes) ids.add(static_cast<std::int64_t>(id));
    tx.exec_params("update directory_change set state = 'sent', sent_at = now() where id = any($1::bigint[])",
                   ids.done());
    return true;
  });
}

Task<std::string> partner_of(Pool& pool, LinkId link, std::string source_uuid) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    const auto rows =
        tx.exec_params("select target_uuid from directory_pair where link_id = $1 and source_uuid = $2",
                       num(link), source_uuid);
    return rows.empty() ? std::string() : rows[0][0].as<std::string>();
  });
}

Task<void> note_container(Pool& pool, RunId run, LinkId link, PlanId plan, std::string dn) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params(
        "insert into directory_history (link_id, plan_id, run_id, kind, key, target_dn, reason) values ($1, "
        "$2, $3, 'container', '', $4, 'above an entry that was added')",
        num(link), id_of(plan), num(run), clean_text(dn));
  });
}

Task<std::vector<ChangeRow>> planned_renames(Pool& pool, PlanId plan) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    return read_changes(
        tx.exec_params(std::string("select ") + k_columns +
                           " from directory_change c where plan_id = $1 and kind = 'rename' and state = "
                           "'planned' order by id",
                       id_of(plan)));
  });
}

Task<PlanEnd> end_plan(Pool& pool, PlanId plan, bool applied) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    tx.of_a_pass = true;
    if (applied)
      tx.exec_params(
          "update directory_plan p set state = case when exists (select 1 from directory_change c where "
          "c.plan_id = p.id and c.state = 'planned') then 'planned' else 'applied' end, finished_at = now() "
          "where id = $1 and state = 'applying'",
          id_of(plan));
    const auto row = tx.exec_params1(
        "select count(*), count(*) filter (where state = 'done'), count(*) filter (where state in ('held', "
        "'waiting', 'refused', 'unknown', 'sent', 'found', 'planned')) from directory_change where plan_id = "
        "$1",
        id_of(plan));
    return PlanEnd{row[0].as<std::int64_t>(), row[1].as<std::int64_t>(), row[2].as<std::int64_t>()};
  });
}

Task<void> fail_plan(Pool& pool, PlanId plan) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params(
        "update directory_plan set state = 'failed', finished_at = now() where id = $1 and state in "
        "('reading', 'applying')",
        id_of(plan));
  });
}

}  // namespace mirror::db
