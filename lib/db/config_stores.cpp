// SPDX-License-Identifier: Apache-2.0
#include "db/config_stores.hpp"

#include "db/config_detail.hpp"

namespace mirror::db {

const char* const k_store_view =
    "select s.id::text as id, s.name, s.host, s.port, s.tls, s.tls_verify, s.tls_server_name, s.ca_pem, "
    "s.pin_sha256, "
    "s.certificate_file, s.key_file, s.profile, s.login_method, s.login, s.master_separator, "
    "s.password_sealed is not null as password_set, s.octets_per_second, s.state, "
    "s.state_code, "
    "s.state_text, @s.state_since@ as state_since, @s.probe_at@ as probe_at, s.identity, s.row_version, "
    "@s.created_at@ as created_at from store s ";

const char* const k_link_view =
    "select l.id::text as id, l.name, a.name as source, b.name as target, l.foreign_policy, "
    "l.folder_include, "
    "l.folder_exclude, l.guard_count, l.guard_percent, l.guard_link_percent, l.deletion_delay, "
    "l.paused_reason, l.row_version, "
    "@l.created_at@ as "
    "created_at, "
    "(select coalesce(json_agg(r), '[]') from (select p.id::text as id, p.action, p.mask, p.actor, "
    "@p.created_at@ as created_at from participation_rule p where p.link_id = l.id order by p.id) r) as "
    "rules, "
    "(select count(*) from mailbox m where m.link_id = l.id) as mailboxes "
    "from link l join store a on a.id = l.source_store_id join store b on b.id = l.target_store_id ";

namespace {

using Why = Refused::Why;

void require_version(Transaction& tx, const std::string& table, const std::string& name,
                     std::optional<std::int64_t> wanted) {
  const auto rows =
      tx.exec_params("select row_version from " + table + " where name = $1 for update", clean_text(name));
  if (rows.empty()) throw Refused(Why::not_found, fmt::format("no {} is named \"{}\"", table, name));
  if (wanted && rows[0][0].as<std::int64_t>() != *wanted)
    throw Refused(Why::stale, fmt::format("the {} \"{}\" was changed meanwhile (row version {})", table, name,
                                          rows[0][0].c_str()));
}

void require_new(Transaction& tx, const std::string& table, const std::string& name) {
  if (!tx.exec_params("select 1 from " + table + " where name = $1", clean_text(name)).empty())
    throw Refused(Why::exists, fmt::format("a {} named \"{}\" exists", table, name));
}

}  // namespace

void insert_store(Transaction& tx, const std::string& name, const Json& patch) {
  require_new(tx, "store", name);
  tx.exec_params("insert into store (name, host, port) values ($1, '', 1)", name);
  update_store(tx, name, patch, std::nullopt);
  tx.exec_params("update store set row_version = 1 where name = $1", name);
}

void update_store(Transaction& tx, const std::string& name, const Json& patch,
                  std::optional<std::int64_t> row_version) {
  require_version(tx, "store", name, row_version);
  // An edit may have cured what made the store down: the one probe is due at once.
  tx.exec_params(
      "update store s set (host, port, tls, tls_verify, tls_server_name, ca_pem, pin_sha256, "
      "certificate_file, key_file, "
      "profile, login_method, login, master_separator, octets_per_second) = (select r.host, "
      "r.port, "
      "r.tls, r.tls_verify, r.tls_server_name, r.ca_pem, r.pin_sha256, r.certificate_file, r.key_file, "
      "r.profile, "
      "r.login_method, r.login, r.master_separator, r.octets_per_second "
      "from jsonb_populate_record(s, $2::jsonb) r), row_version = row_version + 1, "
      "probe_at = case when state in ('down', 'refused') then now() else probe_at end where s.name = $1",
      name, clean_text(patch));
}

void seal_store_password(Transaction& tx, const std::string& name, const base::Sealer& sealer,
                         const base::SecretText& password) {
  const std::int64_t id = store_id(tx, name);
  const auto sealed = sealer.seal(password, fmt::format("store/{}/password", id));
  tx.exec_params(
      "update store set password_sealed = $2, row_version = row_version + 1, "
      "probe_at = case when state in ('down', 'refused') then now() else probe_at end where id = $1",
      id, pqxx::binarystring(sealed.data(), sealed.size()));
}

void insert_link(Transaction& tx, const std::string& name, const std::string& source,
                 const std::string& target, const Json& patch) {
  require_new(tx, "link", name);
  const std::int64_t from = store_id(tx, source);
  const std::int64_t to = store_id(tx, target);
  if (from == to) throw Refused(Why::invalid, "a link's source and target are two stores");
  // Law 7: a target cannot be a source back to its source, over however many links.
  const auto loop = tx.exec_params(
      "with recursive reach(id) as (select $1::bigint union select l.target_store_id from link l join reach "
      "r on "
      "r.id = l.source_store_id) select 1 from reach where id = $2",
      to, from);
  if (!loop.empty())
    throw Refused(Why::invalid,
                  fmt::format("\"{}\" is already mirrored to \"{}\": a target cannot be a source back",
                              target, source));
  tx.exec_params("insert into link (name, source_store_id, target_store_id) values ($1, $2, $3)", name, from,
                 to);
  update_link(tx, name, patch, std::nullopt);
  tx.exec_params("update link set row_version = 1 where name = $1", name);
}

void update_link(Transaction& tx, const std::string& name, const Json& patch,
                 std::optional<std::int64_t> row_version) {
  require_version(tx, "link", name, row_version);
  tx.exec_params(
      "update link l set (foreign_policy, folder_include, folder_exclude, guard_count, guard_percent, "
      "guard_link_percent, "
      "deletion_delay, "
      "paused_reason) = "
      "(select r.foreign_policy, r.folder_include, r.folder_exclude, r.guard_count, r.guard_percent, "
      "r.guard_link_percent, "
      "r.deletion_delay, "
      "r.paused_reason "
      "from jsonb_populate_record(l, $2::jsonb) r), row_version = row_version + 1 where l.name = $1",
      name, clean_text(patch));
}

Task<Json> list_stores(Pool& pool) {
  co_return co_await transact(
      pool, [](Transaction& tx) { return array_of(tx, std::string(k_store_view) + "order by s.id"); });
}

Task<Json> show_store(Pool& pool, std::string name) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    store_id(tx, name);
    return object_of(tx, std::string(k_store_view) + "where s.name = $1", name);
  });
}

Task<Json> add_store(Pool& pool, std::string name, Json patch, Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    insert_store(tx, name, patch);
    audit(tx, actor, "store.add", name, patch, "");
    event(tx, "config.changed", "", actor, "{\"object\":\"store\"}");
    wake(tx, "config");
    return object_of(tx, std::string(k_store_view) + "where s.name = $1", name);
  });
}

Task<Json> edit_store(Pool& pool, std::string name, Json patch, std::optional<std::int64_t> row_version,
                      Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    update_store(tx, name, patch, row_version);
    audit(tx, actor, "store.edit", name, patch, "");
    event(tx, "config.changed", "", actor, "{\"object\":\"store\"}");
    wake(tx, "config");
    return object_of(tx, std::string(k_store_view) + "where s.name = $1", name);
  });
}

Task<void> remove_store(Pool& pool, std::string name, std::optional<std::int64_t> row_version, Actor actor) {
  co_await transact(pool, [&](Transaction& tx) {
    require_version(tx, "store", name, row_version);
    const std::int64_t id = store_id(tx, name);
    if (!tx.exec_params("select 1 from link where source_store_id = $1 or target_store_id = $1", id).empty())
      throw Refused(Why::wrong_state, fmt::format("a link uses the store \"{}\"", name));
    tx.exec_params("delete from store where id = $1", id);
    audit(tx, actor, "store.remove", name, "{}", "");
    wake(tx, "config");
  });
}

Task<void> set_store_password(Pool& pool, std::string name, const base::Sealer& sealer,
                              base::SecretText password, Actor actor) {
  co_await transact(pool, [&](Transaction& tx) {
    seal_store_password(tx, name, sealer, password);
    audit(tx, actor, "store.credential", name, "{}", "");
    event(tx, "config.changed", "", actor, "{\"object\":\"store\"}");
    wake(tx, "config");
  });
}

Task<Json> list_links(Pool& pool) {
  co_return co_await transact(
      pool, [](Transaction& tx) { return array_of(tx, std::string(k_link_view) + "order by l.id"); });
}

Task<Json> show_link(Pool& pool, std::string name) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    link_id(tx, name);
    return object_of(tx, std::string(k_link_view) + "where l.name = $1", name);
  });
}

Task<Json> add_link(Pool& pool, std::string name, std::string source, std::string target, Json patch,
                    Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    insert_link(tx, name, source, target, patch);
    audit(tx, actor, "link.add", name, patch, "");
    event(tx, "config.changed", "", actor, "{\"object\":\"link\"}");
    wake(tx, "config");
    return object_of(tx, std::string(k_link_view) + "where l.name = $1", name);
  });
}

Task<Json> edit_link(Pool& pool, std::string name, Json patch, std::optional<std::int64_t> row_version,
                     Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    update_link(tx, name, patch, row_version);
    audit(tx, actor, "link.edit", name, patch, "");
    event(tx, "config.changed", "", actor, "{\"object\":\"link\"}");
    wake(tx, "config");
    return object_of(tx, std::string(k_link_view) + "where l.name = $1", name);
  });
}

}  // namespace mirror::db
