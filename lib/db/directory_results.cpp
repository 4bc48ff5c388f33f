// SPDX-License-Identifier: Apache-2.0
#include "db/directory_changes.hpp"
#include "db/rows_detail.hpp"

namespace mirror::db {

namespace {

// Results as a table that statements join.
const char* const k_results =
    "unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[], "
    "$8::text[], $9::text[], $10::text[]) x(id, state, code, detail, target_uuid, source_fields, before, "
    "after, "
    "target_dn, new_dn)";

struct Columns {
  ArrayText ids, states, codes, details, uuids, fields, before, after, target_dns, new_dns;
  explicit Columns(const std::vector<ChangeResult>& results) {
    for (const auto& r : results) {
      ids.add(static_cast<std::int64_t>(r.row.id));
      states.add(std::string_view(r.state));
      codes.add(std::string_view(r.code));
      details.add(std::string_view(r.detail));
      uuids.add(std::string_view(r.target_uuid.empty() ? r.row.target_uuid : r.target_uuid));
      fields.add_octets(r.source_fields.data(), r.source_fields.size());
      before.add(std::string_view(r.before));
      after.add(std::string_view(r.after));
      target_dns.add(std::string_view(r.row.target_dn));
      new_dns.add(std::string_view(r.row.new_dn));
    }
  }
};

// What follows from changes of one kind that were made; r and c: the result and its change.
struct Kinds {
  Transaction& tx;
  std::int64_t link, plan;

  void added() const {
    run("update directory_pair p set name_hash = i.name_hash from result r "
        "join directory_change c on c.id = r.id "
        "join directory_image i on i.link_id = $1 and i.side = 's' and i.uuid = c.source_uuid "
        "where r.state = 'done' and c.kind = 'add' and p.link_id = $1 and p.source_uuid = c.source_uuid",
        link);
  }
  void renamed() const {
    run("update directory_pair p set key = c.key, name_hash = coalesce("
        "(select i.name_hash from directory_image i where i.link_id = $1 and i.side = 's' and "
        "i.uuid = p.source_uuid), p.name_hash) from result r "
        "join directory_change c on c.id = r.id "
        "where r.state = 'done' and c.kind = 'rename' and p.link_id = $1 and p.target_uuid = c.target_uuid",
        link);
    run("update directory_change n set target_dn = c.new_dn, target_csn = '' from result r "
        "join directory_change c on c.id = r.id "
        "where r.state = 'done' and c.kind = 'rename' and n.plan_id = $1 and n.kind <> 'rename' and "
        "n.target_uuid = c.target_uuid",
        plan);
  }
  void disabled() const {
    run("update directory_pair p set state = 'disabled', disabled_at = coalesce(p.disabled_at, now()) "
        "from result r join directory_change c on c.id = r.id "
        "where r.state = 'done' and c.kind = 'disable' and p.link_id = $1 and p.target_uuid = c.target_uuid",
        link);
  }
  void deleted() const {
    run("delete from directory_pair p using result r join directory_change c on c.id = r.id "
        "where r.state = 'done' and c.kind = 'delete' and p.link_id = $1 and p.target_uuid = c.target_uuid",
        link);
  }

 private:
  // Not prepared: the temporary table is another one each time.
  void run(const char* statement, std::int64_t of) const { tx.pqxx::work::exec_params(statement, of); }
};

}  // namespace

Task<void> save_results(Pool& pool, RunId run, LinkId link, PlanId plan, std::string reason,
                        std::vector<ChangeResult> results) {
  if (results.empty()) co_return;
  const auto any = [&](std::string_view kind) {
    return std::ranges::any_of(results,
                               [&](const auto& r) { return r.state == "done" && r.row.kind == kind; });
  };
  // What a crash of PostgreSQL would lose of it is 'sent', and the next reading says what became of it; the
  // next permission, and the end of the plan, are waited for and take it along.
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.of_a_pass = true;
    const Columns c(results);
    tx.exec(
        "create temp table result on commit drop as select null::bigint as id, ''::text as state, "
        "''::text as code, ''::text as detail, ''::text as target_uuid, ''::bytea as source_fields, "
        "''::text as before, ''::text as after, ''::text as target_dn, ''::text as new_dn limit 0");
    // Not prepared: the temporary table is another one each time.
    tx.pqxx::work::exec_params(std::string("insert into result select * from ") + k_results, c.ids.done(),
                               c.states.done(), c.codes.done(), c.details.done(), c.uuids.done(),
                               c.fields.done(), c.before.done(), c.after.done(), c.target_dns.done(),
                               c.new_dns.done());
    tx.exec(
        "update directory_change c set state = r.state, code = r.code, detail = r.detail, target_uuid = "
        "r.target_uuid, target_dn = r.target_dn, new_dn = r.new_dn, ended_at = now() from result r where "
        "r.id = c.id");
    tx.pqxx::work::exec_params(
        "insert into directory_history (link_id, plan_id, run_id, kind, key, target_uuid, target_dn, new_dn, "
        "drift, before, after, reason) select $1, $2, $3, c.kind, c.key, c.target_uuid, c.target_dn, "
        "c.new_dn, c.drift, r.before::jsonb, r.after::jsonb, $4 from result r join directory_change c on "
        "c.id = r.id where r.state = 'done'",
        num(link), static_cast<std::int64_t>(plan), num(run), clean_text(reason));
    // An entry that was disabled is no partner less; one that was deleted is none any more.
    tx.pqxx::work::exec_params(
        "insert into directory_pair (link_id, source_uuid, target_uuid, key, source_fields) select $1, "
        "c.source_uuid, c.target_uuid, c.key, r.source_fields from result r join directory_change c on c.id "
        "= r.id where r.state = 'done' and c.kind in ('add', 'modify') and c.target_uuid <> '' on conflict "
        "(link_id, source_uuid) do update set target_uuid = excluded.target_uuid, key = excluded.key, "
        "source_fields = excluded.source_fields, state = 'active', disabled_at = null",
        num(link));
    const Kinds kinds{tx, num(link), static_cast<std::int64_t>(plan)};
    if (any("add")) kinds.added();
    if (any("rename")) kinds.renamed();
    if (any("disable")) kinds.disabled();
    if (any("delete")) kinds.deleted();
    tx.pqxx::work::exec_params(
        "update run set done = done + $2, failed = failed + $3 where id = $1", num(run),
        static_cast<std::int64_t>(results.size()),
        static_cast<std::int64_t>(std::count_if(results.begin(), results.end(),
                                                [](const auto& r) { return r.state == "refused"; })));
  });
}

}  // namespace mirror::db
