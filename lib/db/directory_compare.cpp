// SPDX-License-Identifier: Apache-2.0
#include "db/directory_compare.hpp"

#include "db/rows_detail.hpp"

namespace mirror::db {

namespace {

// Statements over whole tables are planned with their values: link and plan are numbers of ours, written
// into the text.
class Compare {
 public:
  Compare(Transaction& tx, const CompareWhat& what) : tx_(tx), what_(what) {}

  Compared run() {
    tx_.exec("set local work_mem = '64MB'");
    // Planned by what was just copied: the tables were empty when they were last looked at.
    if (what_.much_changed) tx_.exec("analyze directory_image");
    require_whole();
    refuse_unclear_keys();
    make_pairing();
    changed();
    if (what_.source_complete && what_.target_complete) {
      added();
      removed();
      give_way();
    }
    remember();
    settle_unknown();
    return count();
  }

 private:
  std::string sql(std::string text) const {
    const auto put = [&](std::string_view mark, std::int64_t number) {
      for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark))
        text.replace(at, mark.size(), std::to_string(number));
    };
    put(":link", num(what_.link));
    put(":plan", static_cast<std::int64_t>(what_.plan));
    put(":after", what_.delete_after.count());
    return text;
  }
  pqxx::result exec(const std::string& text) { return tx_.exec(sql(text)); }

  // The rows are not logged: a crash of PostgreSQL empties their table, and nobody else would notice.
  void require_whole() {
    const auto rows = exec(
        "select count(*) filter (where side = 's'), count(*) filter (where side = 't') from directory_image "
        "where link_id = :link");
    if (rows[0][0].as<std::int64_t>() != what_.source_read ||
        rows[0][1].as<std::int64_t>() != what_.target_read)
      throw base::Failed(
          base::Failure("MRD-DIR-001", "PostgreSQL lost what was read: it restarted meanwhile"));
  }

  void refuse_unclear_keys() {
    exec(
        "create temp table unclear on commit drop as select side, uuid, key, problem from directory_image "
        "where link_id = :link and problem <> '' union all select i.side, i.uuid, i.key, 'more than one "
        "entry "
        "has this key' from (select side, key from directory_image where link_id = :link and key <> '' group "
        "by side, key having count(*) > 1) x join directory_image i on i.link_id = :link and i.side = x.side "
        "and i.key = x.key where i.problem = ''");
    tx_.exec("analyze unclear");
    exec(
        "insert into directory_change (plan_id, kind, state, key, source_uuid, target_uuid, source_dn, "
        "target_dn, code, detail) select :plan, 'modify', 'refused', i.key, case i.side when 's' then i.uuid "
        "else '' end, case i.side when 't' then i.uuid else '' end, case i.side when 's' then i.dn else '' "
        "end, case i.side when 't' then i.dn else '' end, 'MRD-DIR-004', u.problem from unclear u join "
        "directory_image i on i.link_id = :link and i.side = u.side and i.uuid = u.uuid");
  }

  // The key only joins two who have no partner. Whose partner was not read, or is unclear, keeps it: another
  // one under its old number is somebody else.
  void make_pairing() {
    const auto claim = [](const char* side, const char* alias, const char* other, const char* letter,
                          bool other_complete) {
      const std::string unclear = fmt::format(
          "exists (select 1 from unclear q where q.side = '{}' and q.uuid = p.{}_uuid)", letter, other);
      return fmt::format(
          "not exists (select 1 from directory_pair p where p.link_id = :link and p.{}_uuid = {}.uuid and "
          "{})",
          side, alias, other_complete ? unclear : "true");
    };
    exec(
        "create temp table pairing on commit drop as with s as (select uuid, key, fields, name_hash from "
        "directory_image i where link_id = :link and side = 's' and not exists (select 1 from unclear q "
        "where "
        "q.side = 's' and q.uuid = i.uuid)), t as (select uuid, key, fields, name_hash from directory_image "
        "i "
        "where link_id = :link and side = 't' and not exists (select 1 from unclear q where q.side = 't' and "
        "q.uuid = i.uuid)), known as (select p.source_uuid, p.target_uuid, s.fields = t.fields as "
        "same_fields, "
        "s.name_hash = t.name_hash as same_name, p.source_fields = s.fields and p.name_hash = s.name_hash "
        "and "
        "p.key = s.key and p.state = 'active' as remembered from directory_pair p join s on s.uuid = "
        "p.source_uuid join t on t.uuid = "
        "p.target_uuid where p.link_id = :link) select *, true as known from known union all select s.uuid, "
        "t.uuid, s.fields = t.fields, s.name_hash = t.name_hash, false, false from s join t on t.key = s.key "
        "where not exists (select 1 from known k where k.source_uuid = s.uuid) and not exists (select 1 from "
        "known k where k.target_uuid = t.uuid) and " +
        claim("target", "t", "source", "s", what_.source_complete) + " and " +
        claim("source", "s", "target", "t", what_.target_complete));
    tx_.exec("analyze pairing");
    // Who has no partner: few, most of the time.
    exec(
        "create temp table alone on commit drop as select i.side, i.uuid from directory_image i where "
        "i.link_id = :link and i.side = 's' and not exists (select 1 from pairing x where x.source_uuid = "
        "i.uuid) union all select i.side, i.uuid from directory_image i where i.link_id = :link and i.side = "
        "'t' and not exists (select 1 from pairing x where x.target_uuid = i.uuid)");
    tx_.exec("create index on alone (uuid)");
    tx_.exec("analyze alone");
  }

  // A change is one operation: a name and values that differ are two.
  void changed() {
    const std::string pairs =
        "from pairing x join directory_image s on s.link_id = :link and s.side = 's' and s.uuid = "
        "x.source_uuid join directory_image t on t.link_id = :link and t.side = 't' and t.uuid = "
        "x.target_uuid "
        "left join directory_pair p on p.link_id = :link and p.source_uuid = x.source_uuid where ";
    exec(
        "insert into directory_change (plan_id, kind, key, source_uuid, target_uuid, source_dn, target_dn, "
        "new_dn, source_csn, target_csn, drift) select :plan, 'rename', s.key, s.uuid, t.uuid, s.dn, t.dn, "
        "s.target_dn, s.csn, t.csn, coalesce(p.name_hash = s.name_hash, false) " +
        pairs + "not x.same_name");
    exec(
        "insert into directory_change (plan_id, kind, key, source_uuid, target_uuid, source_dn, target_dn, "
        "source_csn, target_csn, source_fields, known_fields) select :plan, 'modify', s.key, s.uuid, t.uuid, "
        "s.dn, t.dn, s.csn, t.csn, s.fields, p.source_fields " +
        pairs + "not x.same_fields");
  }

  // An entry whose partner went from DR is drift: production did not change.
  void added() {
    exec(
        "insert into directory_change (plan_id, kind, key, source_uuid, source_dn, new_dn, source_csn, "
        "source_fields, known_fields, drift) select :plan, 'add', s.key, s.uuid, s.dn, s.target_dn, s.csn, "
        "s.fields, p.source_fields, p.source_uuid is not null from alone a join directory_image s on "
        "s.link_id = "
        ":link and s.side = 's' and s.uuid = a.uuid left join directory_pair p on p.link_id = :link and "
        "p.source_uuid = s.uuid where a.side = 's' and not exists (select 1 from unclear q where q.side = "
        "'s' "
        "and q.uuid = s.uuid) and not exists (select 1 from unclear q where q.side = 't' and q.key = s.key) "
        "and "
        "not exists (select 1 from unclear q where q.side = 't' and q.uuid = p.target_uuid)");
  }

  // Only what has, or had, a partner is ours to remove; what never had one is foreign.
  void removed() {
    if (what_.deletions == "keep" && !what_.remove_foreign) return;
    // A disabled entry that somebody gave a password lets him in again.
    std::string due = "p.disabled_at + make_interval(secs => :after) <= now()", has_password = "false";
    for (const auto field : what_.password_fields)
      has_password += fmt::format(" or substring(t.fields from {} for 16) <> decode(repeat('00', 16), 'hex')",
                                  field * 16 + 1);
    const std::string ours =
        what_.deletions == "delete" ? "p.target_uuid is not null"
        : what_.deletions == "disable"
            ? "p.target_uuid is not null and (p.state = 'active' or " + due + " or " + has_password + ")"
            : "false";
    const std::string kind = what_.deletions == "disable"
                                 ? "case when p.target_uuid is null or (p.state = 'disabled' and " + due +
                                       ") then 'delete' else 'disable' end"
                                 : "'delete'";
    exec(
        "insert into directory_change (plan_id, kind, key, source_uuid, target_uuid, target_dn, target_csn, "
        "known_fields, drift) select :plan, " +
        kind +
        ", t.key, coalesce(p.source_uuid, ''), t.uuid, t.dn, t.csn, p.source_fields, coalesce(p.state = "
        "'disabled', false) from alone a join "
        "directory_image t on t.link_id = :link and t.side = 't' and t.uuid = a.uuid left join "
        "directory_pair "
        "p on p.link_id = :link and p.target_uuid = t.uuid where a.side = 't' and not exists (select 1 from "
        "unclear q where q.side = 't' and q.uuid = t.uuid) and (" +
        ours + (what_.remove_foreign ? " or p.target_uuid is null" : "") +
        ") and not exists (select 1 from unclear q where q.side = 's' and q.key = t.key) and not exists "
        "(select 1 from unclear q where q.side = 's' and q.uuid = p.source_uuid)");
  }

  // Who left production and has the name of somebody who is there: a number that was given out again. It goes
  // aside under a name that the renamer makes, and lives on until its time is over.
  void give_way() {
    exec(
        "insert into directory_change (plan_id, kind, key, target_uuid, target_dn, target_csn) select :plan, "
        "'rename', t.key, t.uuid, t.dn, t.csn from alone a join directory_image t on t.link_id = :link and "
        "t.side = 't' and t.uuid = a.uuid join directory_pair p on p.link_id = :link and p.target_uuid = "
        "t.uuid join directory_image s on s.link_id = :link and s.side = 's' and s.name_hash = t.name_hash "
        "where a.side = 't' and not exists (select 1 from unclear q where q.side = 's' and q.uuid = s.uuid) "
        "and not exists (select 1 from unclear q where q.side = 't' and q.uuid = t.uuid) and not exists "
        "(select 1 from unclear q where q.side = 's' and q.uuid = p.source_uuid)");
  }

  // Who is whose partner; of the equal ones also as what they are equal.
  void remember() {
    // Whoever is back is disabled no more, whatever becomes of his values: his time starts anew when he
    // leaves again.
    exec(
        "update directory_pair p set state = 'active', disabled_at = null from pairing x where p.link_id = "
        ":link "
        "and p.state = 'disabled' and p.source_uuid = x.source_uuid and p.target_uuid = x.target_uuid");
    exec(
        "delete from directory_pair p using pairing x where not x.known and p.link_id = :link and "
        "p.source_uuid = x.source_uuid and p.target_uuid <> x.target_uuid");
    exec(
        "delete from directory_pair p using pairing x where not x.known and p.link_id = :link and "
        "p.target_uuid = x.target_uuid and p.source_uuid <> x.source_uuid");
    exec(
        "insert into directory_pair (link_id, source_uuid, target_uuid, key, source_fields, name_hash) "
        "select "
        ":link, x.source_uuid, x.target_uuid, s.key, case when x.same_fields and x.same_name then s.fields "
        "else "
        "'' end, case when x.same_fields and x.same_name then s.name_hash else '' end from pairing x join "
        "directory_image s on s.link_id = :link and s.side = 's' and s.uuid = "
        "x.source_uuid where not x.known or (x.same_fields and x.same_name and not x.remembered) on conflict "
        "(link_id, source_uuid) do update set source_fields = excluded.source_fields, name_hash = "
        "excluded.name_hash, key = excluded.key, state = 'active', disabled_at = null");
    if (what_.source_complete && what_.target_complete)
      exec(
          "delete from directory_pair p where p.link_id = :link and not exists (select 1 from pairing x "
          "where "
          "x.source_uuid = p.source_uuid) and not exists (select 1 from directory_image i where i.link_id = "
          ":link "
          "and i.side = 's' and i.uuid = p.source_uuid) and not exists (select 1 from directory_image i "
          "where "
          "i.link_id = :link and i.side = 't' and i.uuid = p.target_uuid)");
  }

  // What an earlier run sent without hearing the end of it: what does not differ any more was done.
  void settle_unknown() {
    if (!what_.source_complete || !what_.target_complete) return;
    exec(
        "with mine as (select c.id, case c.kind when 'delete' then not exists (select 1 from directory_image "
        "t "
        "where t.link_id = :link and t.side = 't' and t.uuid = c.target_uuid) when 'disable' then false else "
        "(c.source_uuid = '' or exists (select 1 from pairing x where x.source_uuid = c.source_uuid)) and "
        "not "
        "exists (select 1 from directory_change n where n.plan_id = :plan and n.kind = c.kind and "
        "n.source_uuid = c.source_uuid and (c.target_uuid = '' or n.target_uuid = c.target_uuid)) end as "
        "done from directory_change c join directory_plan p on p.id = c.plan_id where p.link_id = :link and "
        "p.id < :plan and c.state = 'unknown'), settled as (update directory_change c set state = case when "
        "m.done then 'done' else 'unneeded' end, code = '', ended_at = now(), detail = case when m.done then "
        "'the answer was lost; found done' else 'was not made, or has to be made again' end from mine m "
        "where "
        "m.id = c.id returning c.*, m.done) insert into directory_history (link_id, plan_id, run_id, kind, "
        "key, target_uuid, target_dn, new_dn, drift, reason) select :link, plan_id, (select run_id from "
        "directory_plan p where p.id = plan_id), kind, key, target_uuid, target_dn, new_dn, drift, 'the "
        "answer "
        "was lost; found done' from settled where done");
  }

  Compared count() {
    Compared out;
    out.source_entries = what_.source_read;
    out.target_entries = what_.target_read;
    out.pairs = exec("select count(*) from directory_pair where link_id = :link")[0][0].as<std::int64_t>();
    const auto changes = exec(
        "select count(distinct target_uuid) filter (where kind in ('modify', 'rename') and state = 'found'), "
        "count(*) filter "
        "(where kind in ('disable', 'delete') and not exists (select 1 from directory_pair p where p.link_id "
        "= "
        ":link and p.target_uuid = c.target_uuid and p.state = 'disabled')) from "
        "directory_change c where plan_id = :plan");
    out.equal =
        exec("select count(*) from pairing")[0][0].as<std::int64_t>() - changes[0][0].as<std::int64_t>();
    out.removals = changes[0][1].as<std::int64_t>();
    out.foreign = exec(
                      "select count(*) from alone a where a.side = 't' and not exists (select 1 from "
                      "directory_pair p where "
                      "p.link_id = :link and p.target_uuid = a.uuid)")[0][0]
                      .as<std::int64_t>();
    const auto last = exec(
        "select source_entries, target_entries from directory_plan where link_id = :link and id < :plan and "
        "source_complete and target_complete and judged and (guard = '' or guard_released_by <> '') order by "
        "id desc "
        "limit "
        "1");
    if (!last.empty()) {
      out.last_source_entries = last[0][0].as<std::int64_t>();
      out.last_target_entries = last[0][1].as<std::int64_t>();
    }
    return out;
  }

  Transaction& tx_;
  const CompareWhat& what_;
};

}  // namespace

Task<Compared> compare_images(Pool& pool, CompareWhat what) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    tx.of_a_pass = true;
    const Compared out = Compare(tx, what).run();
    tx.exec_params(
        "update directory_plan set source_entries = $2, target_entries = $3, source_complete = $4, "
        "target_complete = $5, equal_entries = $6, foreign_entries = $7, incomplete = $8 where id = $1",
        static_cast<std::int64_t>(what.plan), out.source_entries, out.target_entries, what.source_complete,
        what.target_complete, out.equal, out.foreign, clean_text(what.incomplete));
    return out;
  });
}

Task<std::string> emptied_fields(Pool& pool, PlanId plan, std::int64_t count, std::int64_t percent) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    constexpr std::int64_t k_few = 5;
    const auto rows = tx.exec_params(
        "select a ->> 'attribute', a ->> 'name', count(*), (select p.target_entries from directory_plan p "
        "where p.id = $1) from directory_change c, jsonb_array_elements(c.attributes) a where c.plan_id = $1 "
        "and c.kind = 'modify' and c.state = 'planned' and a ? 'emptied' group by 1, 2 order by 3 desc",
        static_cast<std::int64_t>(plan));
    for (const auto& row : rows) {
      const auto entries = row[2].as<std::int64_t>(), all = row[3].as<std::int64_t>();
      if (entries > count || (entries > k_few && entries * 100 > all * percent))
        return fmt::format("{} ({}) would be emptied on {} entries", row[1].c_str(), row[0].c_str(), entries);
    }
    return std::string();
  });
}

Task<void> hold_changes(Pool& pool, PlanId plan, Judged judged) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.of_a_pass = true;
    const auto id = static_cast<std::int64_t>(plan);
    const std::string guard = clean_text(
        judged.removals + (judged.removals.empty() || judged.emptied.empty() ? "" : "; ") + judged.emptied);
    tx.exec_params("update directory_plan set guard = $2, judged = true where id = $1", id, guard);
    if (guard.empty()) return;
    // Who goes aside for another one leaves, too.
    tx.exec_params(
        "update directory_change c set state = 'held', code = 'MRD-DIR-002', detail = $2 where plan_id = $1 "
        "and state in ('found', 'planned') and ($3 or ($4 and (kind in ('disable', 'delete') or (kind = "
        "'rename' and source_uuid = ''))) or ($5 and kind = 'modify' and exists (select 1 from "
        "jsonb_array_elements(c.attributes) a where a ? 'emptied')))",
        id, guard, judged.hold_all, !judged.removals.empty(), !judged.emptied.empty());
    tx.exec_params(
        "select add_event('directory.held', 'warning', '', '', p.run_id, '', jsonb_build_object('plan', "
        "p.id::text, 'reason', $2::text)) from directory_plan p where p.id = $1",
        id, guard);
  });
}

}  // namespace mirror::db
