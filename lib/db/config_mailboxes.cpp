// SPDX-License-Identifier: Apache-2.0
#include "db/config_mailboxes.hpp"

#include "db/config_detail.hpp"

namespace mirror::db {

namespace {

using Why = Refused::Why;

// New participants without a dirty row get one: a first copy, or a look at what happened while they were
// away.
void mark_new_participants(Transaction& tx, std::int64_t link) {
  tx.exec_params(
      "insert into dirty (mailbox_id, generation, cause, class, full_compare) "
      "select m.id, nextval('dirty_generation'), 'participation', case when m.compared_at is null then 1 "
      "else 0 end, "
      "m.compared_at is not null from mailbox m where m.link_id = $1 and m.participates and m.status in "
      "('new', 'lagging') "
      "and not exists (select 1 from dirty d where d.mailbox_id = m.id) on conflict do nothing",
      link);
}

Json participation_counts(Transaction& tx, std::int64_t link, const std::string& mask, std::int64_t changed) {
  return json_of(
      tx,
      "select json_build_object('changed', $3::bigint, 'matching', count(*) filter (where name ~ $2), "
      "'participating', count(*) filter (where participates), 'mailboxes', count(*)) "
      "from mailbox where link_id = $1",
      link, mask_to_regex(clean_text(mask)), changed);
}

}  // namespace

bool insert_mailbox(Transaction& tx, std::int64_t link, const std::string& name,
                    const std::string& target_name, const std::string& origin) {
  const std::string target = clean_text(target_name.empty() ? name : target_name);
  const auto done = tx.exec_params(
      "insert into mailbox (link_id, target_store_id, name, target_name, origin) "
      "select id, target_store_id, $2, $3, $4 from link where id = $1 on conflict do nothing returning id",
      link, clean_text(name), target, origin);
  if (!done.empty()) return true;
  const auto present = tx.exec_params("select target_name from mailbox where link_id = $1 and name = $2",
                                      link, clean_text(name));
  if (present.empty())
    throw Refused(Why::exists, fmt::format("the target mailbox \"{}\" of \"{}\" belongs to another mailbox",
                                           target, name));
  if (present[0][0].as<std::string>() != target)
    throw Refused(Why::exists,
                  fmt::format("\"{}\" is already mirrored to \"{}\"", name, present[0][0].c_str()));
  return false;
}

void put_rule(Transaction& tx, std::int64_t link, const std::string& action, const std::string& mask,
              const Actor& actor) {
  // The same mask again becomes the last word: a new row, a new id.
  tx.exec_params("delete from participation_rule where link_id = $1 and mask = $2", link, clean_text(mask));
  tx.exec_params("insert into participation_rule (link_id, action, mask, actor) values ($1, $2, $3, $4)",
                 link, action, clean_text(mask), clean_text(actor.who));
}

std::int64_t recompute_participation(Transaction& tx, std::int64_t link) {
  ArrayText ids, actions, masks;
  for (const auto& row : tx.exec_params(
           "select id, action, mask from participation_rule where link_id = $1 order by id", link)) {
    ids.add(row[0].as<std::int64_t>());
    actions.add(row[1].as<std::string>());
    masks.add(mask_to_regex(row[2].as<std::string>()));
  }
  const auto changed = tx.exec_params(
      "with rule as (select * from unnest($2::bigint[], $3::text[], $4::text[]) r(id, action, regex)), "
      "wanted as (select m.id, coalesce((select r.action = 'include' from rule r where m.name ~ r.regex "
      "order by r.id desc limit 1), true) and not m.left_directory as participates from mailbox m where "
      "m.link_id = $1) "
      "update mailbox m set participates = w.participates, status = case when not w.participates then "
      "'excluded' "
      "when m.compared_at is null then 'new' else 'lagging' end "
      "from wanted w where w.id = m.id and m.participates <> w.participates returning m.id",
      link, ids.done(), actions.done(), masks.done());
  mark_new_participants(tx, link);
  return static_cast<std::int64_t>(changed.size());
}

Task<Json> add_mailboxes(Pool& pool, std::string link, std::vector<NewMailbox> mailboxes, std::string origin,
                         Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::int64_t id = link_id_or_only(tx, link);
    std::int64_t added = 0;
    for (const auto& mailbox : mailboxes)
      added += insert_mailbox(tx, id, mailbox.name, mailbox.target_name, origin);
    recompute_participation(tx, id);
    const Json result = fmt::format("{{\"added\":{},\"present\":{}}}", added,
                                    static_cast<std::int64_t>(mailboxes.size()) - added);
    if (added > 0) {
      audit(tx, actor, "mailbox." + std::string(origin == "import" ? "import" : "add"),
            mailboxes.size() == 1 ? mailboxes[0].name : std::string(), result, "");
      event(tx, "config.changed", "", actor, fmt::format("{{\"object\":\"mailbox\",\"added\":{}}}", added));
      wake(tx, "config");
      wake(tx, "dirty");
    }
    return result;
  });
}

Task<Json> set_participation(Pool& pool, std::string link, std::string action, std::string mask,
                             Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::int64_t id = link_id_or_only(tx, link);
    put_rule(tx, id, action, mask, actor);
    const std::int64_t changed = recompute_participation(tx, id);
    const Json result = participation_counts(tx, id, mask, changed);
    audit(tx, actor, "mailbox." + action, mask, result, "");
    event(tx, "config.changed", "", actor, "{\"object\":\"participation\"}");
    wake(tx, "config");
    wake(tx, "dirty");
    return result;
  });
}

Task<Json> remove_rule(Pool& pool, std::string link, std::string mask, Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::int64_t id = link_id_or_only(tx, link);
    if (tx.exec_params("delete from participation_rule where link_id = $1 and mask = $2", id,
                       clean_text(mask))
            .affected_rows() == 0)
      throw Refused(Why::not_found, fmt::format("the link has no rule for \"{}\"", mask));
    const std::int64_t changed = recompute_participation(tx, id);
    const Json result = participation_counts(tx, id, mask, changed);
    audit(tx, actor, "mailbox.rule.remove", mask, result, "");
    wake(tx, "config");
    wake(tx, "dirty");
    return result;
  });
}

}  // namespace mirror::db
