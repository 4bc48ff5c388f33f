// SPDX-License-Identifier: Apache-2.0
#include "db/config_passwords.hpp"

#include <set>

#include "db/config_detail.hpp"
#include "db/records.hpp"

namespace mirror::db {

namespace {

using Why = Refused::Why;
using Wrong = PasswordsSet::Wrong;

// The owner on the store of each mailbox named; who is not there, or is more than one, is wrong. The words do
// not repeat the name: in a line with another separator a password is part of it.
std::vector<std::string> owners_of(Transaction& tx, std::int64_t store, const PasswordPlace& place,
                                   const std::vector<std::string>& mailboxes, std::vector<Wrong>& wrong) {
  if (!place.link.empty()) link_id(tx, place.link);
  ArrayText names;
  for (const auto& mailbox : mailboxes) names.add(mailbox);
  const auto rows = tx.exec_params(
      "select count(distinct o.owner), min(o.owner) from unnest($1::text[]) with ordinality w(name, place) "
      "left join (select m.name, case when l.source_store_id = $2 then m.name else m.target_name end as "
      "owner "
      "from mailbox m join link l on l.id = m.link_id where $2 in (l.source_store_id, l.target_store_id) "
      "and ($3 = '' or l.name = $3)) o on o.name = w.name group by w.place order by w.place",
      names.done(), store, clean_text(place.link));
  std::vector<std::string> owners;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < mailboxes.size(); ++i) {
    const auto found = rows[static_cast<pqxx::result::size_type>(i)][0].as<std::int64_t>();
    if (found != 1) {
      wrong.push_back({i, found == 0 ? Why::not_found : Why::invalid,
                       found == 0 ? fmt::format("no mailbox of \"{}\" has this name", place.store)
                                  : "several links have a mailbox of this name: name the link"});
      continue;
    }
    owners.push_back(rows[static_cast<pqxx::result::size_type>(i)][1].as<std::string>());
    if (!seen.insert(owners.back()).second)
      wrong.push_back(
          {i, Why::invalid, fmt::format("the same owner on \"{}\" as another one here", place.store)});
  }
  return owners;
}

void seal_passwords(Transaction& tx, std::int64_t store, const std::vector<std::string>& owners,
                    const std::vector<NewPassword>& passwords, const base::Sealer& sealer) {
  ArrayText names, sealed;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const auto octets = sealer.seal(passwords[i].password, password_context(StoreId{store}, owners[i]));
    names.add(owners[i]);
    sealed.add_octets(octets.data(), octets.size());
  }
  tx.exec_params(
      "insert into mailbox_password (store_id, owner, sealed) "
      "select $1, owner, sealed from unnest($2::text[], $3::bytea[]) x(owner, sealed) "
      "on conflict (store_id, owner) do update set sealed = excluded.sealed, set_at = now()",
      store, names.done(), sealed.done());
}

// An operator's wish outruns the schedule of retries. False: the store logs in otherwise.
bool try_at_once(Transaction& tx, std::int64_t store, const std::vector<std::string>& owners) {
  if (tx.exec_params("select 1 from store where id = $1 and login_method = 'own_password'", store).empty())
    return false;
  ArrayText names;
  for (const auto& owner : owners) names.add(owner);
  tx.exec_params(
      "with touched as (select m.id, m.compared_at from mailbox m join link l on l.id = m.link_id "
      "where m.participates and ((l.source_store_id = $1 and m.name = any($2::text[])) "
      "or (l.target_store_id = $1 and m.target_name = any($2::text[])))), "
      "hurried as (update retry r set due_at = now() from touched t where t.id = r.mailbox_id) "
      "insert into dirty (mailbox_id, generation, cause, class, full_compare) "
      "select id, nextval('dirty_generation'), 'credential', case when compared_at is null then 1 else 0 "
      "end, "
      "false from touched on conflict (mailbox_id) do update set generation = excluded.generation, "
      "last_seen = now(), class = least(dirty.class, excluded.class), due_at = least(dirty.due_at, now())",
      store, names.done());
  wake(tx, "dirty");
  return true;
}

}  // namespace

Task<PasswordsSet> set_mailbox_passwords(Pool& pool, PasswordPlace place, std::vector<NewPassword> passwords,
                                         const base::Sealer& sealer, std::string action, Actor actor) {
  std::vector<std::string> mailboxes;
  for (const auto& one : passwords) mailboxes.push_back(one.mailbox);
  co_return co_await transact(pool, [&](Transaction& tx) {
    PasswordsSet result;
    const std::int64_t store = store_id(tx, place.store);
    const auto owners = owners_of(tx, store, place, mailboxes, result.wrong);
    if (!result.wrong.empty() || owners.empty()) return result;
    seal_passwords(tx, store, owners, passwords, sealer);
    result.set = static_cast<std::int64_t>(owners.size());
    result.used = try_at_once(tx, store, owners);
    const std::string one = mailboxes.size() == 1 ? mailboxes[0] : std::string();
    audit(tx, actor, action, one, fmt::format("{{\"store\":\"{}\",\"set\":{}}}", place.store, result.set),
          "");
    event(tx, "config.changed", one, actor, "{\"object\":\"mailbox\"}");
    return result;
  });
}

Task<void> clear_mailbox_password(Pool& pool, PasswordPlace place, std::string mailbox, Actor actor) {
  co_await transact(pool, [&](Transaction& tx) {
    const std::int64_t store = store_id(tx, place.store);
    std::vector<Wrong> wrong;
    const auto owners = owners_of(tx, store, place, {mailbox}, wrong);
    if (!wrong.empty()) throw Refused(wrong[0].why, fmt::format("\"{}\": {}", mailbox, wrong[0].text));
    const auto gone =
        tx.exec_params("delete from mailbox_password where store_id = $1 and owner = $2", store, owners[0]);
    if (gone.affected_rows() == 0) return;
    try_at_once(tx, store, owners);
    audit(tx, actor, "mailbox.credential.clear", mailbox, fmt::format("{{\"store\":\"{}\"}}", place.store),
          "");
    event(tx, "config.changed", mailbox, actor, "{\"object\":\"mailbox\"}");
  });
}

}  // namespace mirror::db
