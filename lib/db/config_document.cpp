// SPDX-License-Identifier: Apache-2.0
#include "db/config_document.hpp"

#include "db/config_detail.hpp"

namespace mirror::db {

namespace {

void apply_link(Transaction& tx, const ConfigChanges::Object& link, const Actor& actor) {
  if (link.create)
    insert_link(tx, link.name, link.source, link.target, link.patch);
  else if (link.patch != "{}")
    update_link(tx, link.name, link.patch, std::nullopt);
  const std::int64_t id = link_id(tx, link.name);
  if (link.rules) {
    tx.exec_params("delete from participation_rule where link_id = $1", id);
    for (const auto& rule : *link.rules) put_rule(tx, id, rule.action, rule.mask, actor);
  }
  for (const auto& mailbox : link.mailboxes)
    insert_mailbox(tx, id, mailbox.name, mailbox.target_name, "added");
  recompute_participation(tx, id);
}

}  // namespace

Task<Json> read_configuration(Pool& pool) {
  co_return co_await transact(pool, [](Transaction& tx) {
    tx.exec("set transaction isolation level repeatable read");
    const Json stores =
        array_of(tx, "select v.*, (select row_to_json(x) from (" + std::string(k_directory_view) +
                         "where d.store_id = v.id::bigint) x) as directory from (" + k_store_view +
                         ") v order by v.id::bigint");
    const Json links = array_of(
        tx,
        "select v.*, (select coalesce(json_agg(x), '[]') from (select m.name, m.target_name from mailbox m "
        "where "
        "m.link_id = v.id::bigint and m.origin <> 'directory' order by m.name) x) as members, "
        "(select row_to_json(x) from (" +
            std::string(k_directory_mirror_view) + "where m.link_id = v.id::bigint) x) as directory from (" +
            std::string(k_link_view) + ") v order by v.id::bigint");
    const Json settings = json_of(
        tx,
        "select coalesce(json_object_agg(key, value order by key), '{}') from setting where key not like "
        "'stream/%'");
    return Json(fmt::format("{{\"stores\":{},\"links\":{},\"settings\":{}}}", stores, links, settings));
  });
}

Task<void> apply_configuration(Pool& pool, ConfigChanges changes, const base::Sealer* sealer, Actor actor) {
  co_await transact(pool, [&](Transaction& tx) {
    for (const auto& store : changes.stores) {
      if (store.create)
        insert_store(tx, store.name, store.patch);
      else
        update_store(tx, store.name, store.patch, std::nullopt);
    }
    for (const auto& [store, password] : changes.passwords) {
      if (sealer == nullptr) throw Refused(Refused::Why::wrong_state, "the daemon has no sealing key");
      seal_store_password(tx, store, *sealer, password);
    }
    for (const auto& directory : changes.directories)
      write_directory(tx, directory.name, directory.patch, std::nullopt);
    for (const auto& [store, password] : changes.directory_passwords) {
      if (sealer == nullptr) throw Refused(Refused::Why::wrong_state, "the daemon has no sealing key");
      seal_directory_password(tx, store, *sealer, password);
    }
    for (const auto& link : changes.links) apply_link(tx, link, actor);
    for (const auto& mirror : changes.directory_mirrors)
      write_directory_mirror(tx, mirror.name, mirror.patch, std::nullopt);
    for (const auto& [key, value] : changes.settings)
      tx.exec_params(
          "insert into setting (key, value) values ($1, $2::jsonb) on conflict (key) do update set value = "
          "excluded.value",
          key, value);
    audit(tx, actor, "config.apply", "",
          fmt::format("{{\"stores\":{},\"links\":{}}}", changes.stores.size(), changes.links.size()), "");
    event(tx, "config.changed", "", actor, "{\"object\":\"document\"}");
    wake(tx, "config");
    wake(tx, "dirty");
  });
}

}  // namespace mirror::db
