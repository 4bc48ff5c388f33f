// SPDX-License-Identifier: Apache-2.0
#include "db/directory_mailboxes.hpp"

#include "db/config_detail.hpp"
#include "db/rows_detail.hpp"

namespace mirror::db {

namespace {

// Statements over the temporary tables of one transaction: none is worth preparing.
class Mailboxes {
 public:
  Mailboxes(Transaction& tx, RunId run, LinkId link) : tx_(tx), link_(link) {
    // Who is in production's directory by its filter, and on DR: whom DR does not know as yet it does not let
    // in.
    tx_.exec(fmt::format(
        "create temp table member on commit drop as select d.uuid, d.mailbox, coalesce(p.mailbox, '') as "
        "before from directory_member d join directory_pair p on p.link_id = {1} and p.source_uuid = "
        "d.uuid where d.run_id = {0} and d.mailbox <> ''",
        run, link));
    tx_.exec("create index on member (mailbox)");
    tx_.exec("create index on member (before)");
    tx_.exec("analyze member");
  }

  MailboxesFromDirectory out;

  void rename() {
    find_moving();
    make_room();
    // Whoever would get a name that another one keeps, on whatever link, stays as he is; that may take the
    // name from the next one, too.
    for (std::size_t pruned = 1; pruned > 0; out.clashes += static_cast<std::int64_t>(pruned))
      pruned = exec(
                   "delete from moving v using mailbox m where m.id <> v.id and ((m.link_id = {0} and m.name "
                   "= v.name) or (m.target_store_id = v.target_store_id and m.target_name = v.target_name)) "
                   "and not exists (select 1 from moving o where o.id = m.id) returning 1")
                   .size();
    // Names may change places, so all move aside first.
    exec(
        "update mailbox m set name = e'\\x01' || m.id, target_name = case when v.target_name = m.target_name "
        "then m.target_name else e'\\x01' || m.id end from moving v where v.id = m.id");
    out.renamed = count(
        "update mailbox m set name = v.name, target_name = v.target_name, left_directory = false from moving "
        "v where v.id = m.id returning 1");
  }

  void add() {
    out.added = count(
        "insert into mailbox (link_id, target_store_id, name, target_name, origin) select distinct l.id, "
        "l.target_store_id, x.mailbox, x.mailbox, 'directory' from member x join link l on l.id = {0} where "
        "not exists (select 1 from mailbox m where m.link_id = {0} and m.name = x.mailbox) and not exists "
        "(select 1 from mailbox m where m.link_id = {0} and m.name = x.before) on conflict do nothing "
        "returning 1");
    out.back = count(
        "update mailbox m set left_directory = false from member x where m.link_id = {0} and "
        "m.left_directory and m.name = x.mailbox returning 1");
  }

  void leave(std::int64_t percent) {
    constexpr std::int64_t k_few = 5;
    const std::string gone =
        "m.link_id = {0} and m.origin = 'directory' and not m.left_directory and not exists (select 1 from "
        "member x where x.mailbox = m.name and x.before in ('', m.name)) and not exists (select 1 from "
        "member x where x.before = m.name)";
    const auto leaving = exec("select count(*) from mailbox m where " + gone)[0][0].as<std::int64_t>();
    const auto all =
        exec(
            "select count(*) from mailbox m where m.link_id = {0} and m.origin = 'directory' and "
            "not m.left_directory")[0][0]
            .as<std::int64_t>();
    out.held = leaving > 0 && (leaving == all || (leaving > k_few && leaving * 100 > all * percent));
    if (leaving > 0 && !out.held)
      out.gone = count("update mailbox m set left_directory = true where " + gone + " returning 1");
  }

  // The name is remembered only for those whose mailbox has it: others ask again with the next run.
  void remember() {
    exec(
        "update directory_pair p set mailbox = x.mailbox from member x where p.link_id = {0} and "
        "p.source_uuid = x.uuid and p.mailbox <> x.mailbox and ((p.mailbox = '' and exists (select 1 from "
        "mailbox m where m.link_id = {0} and m.name = x.mailbox)) or exists (select 1 from moving v where "
        "v.uuid = x.uuid))");
  }

 private:
  pqxx::result exec(const std::string& text) { return tx_.exec(fmt::format(fmt::runtime(text), link_)); }
  std::int64_t count(const std::string& text) { return static_cast<std::int64_t>(exec(text).size()); }

  // Under the new name it is the same mailbox: map, history and messages go along.
  void find_moving() {
    exec(
        "create temp table moving on commit drop as select distinct on (x.mailbox) m.id, m.target_store_id, "
        "x.uuid, x.mailbox as name, case when m.target_name = m.name then x.mailbox else m.target_name end "
        "as "
        "target_name from member x join mailbox m on m.link_id = {0} and m.name = x.before where x.before <> "
        "'' and x.before <> x.mailbox order by x.mailbox, m.id");
    // No pass begins while the rows are locked; one that is at work is waited for.
    exec("select 1 from mailbox m join moving v on v.id = m.id for update of m");
    out.busy =
        count("delete from moving v using lease e where e.mailbox_id = v.id and e.until > now() returning 1");
  }

  // Whose subscriber left gives the name to who has it now.
  void make_room() {
    exec(
        "update mailbox m set name = m.name || ' (left ' || m.id || ')', target_name = m.target_name || ' "
        "(left ' || m.id || ')' from moving v where m.link_id = {0} and m.left_directory and m.id <> v.id "
        "and "
        "(m.name = v.name or (m.target_store_id = v.target_store_id and m.target_name = v.target_name)) and "
        "not exists (select 1 from moving o where o.id = m.id)");
  }

  Transaction& tx_;
  LinkId link_;
};

}  // namespace

Task<MailboxesFromDirectory> mailboxes_from_directory(Pool& pool, RunId run, LinkId link,
                                                      std::int64_t percent) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    Mailboxes work(tx, run, link);
    // Who left first: the name may be another one's already.
    work.leave(percent);
    work.rename();
    work.add();
    work.remember();
    const auto& out = work.out;
    if (out.added + out.renamed + out.back + out.gone == 0) return out;
    recompute_participation(tx, num(link));
    tx.exec_params(
        "select add_event('directory.mailboxes', 'info', '', '', $1, '', jsonb_build_object('added', "
        "$2::bigint, 'renamed', $3::bigint, 'back', $4::bigint, 'gone', $5::bigint))",
        num(run), out.added, out.renamed, out.back, out.gone);
    wake(tx, "config");
    wake(tx, "dirty");
    return out;
  });
}

}  // namespace mirror::db
