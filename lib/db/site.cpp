// SPDX-License-Identifier: Apache-2.0
#include "db/site.hpp"

#include "db/rows_detail.hpp"

namespace mirror::db {

namespace {

constexpr auto k_identifier = "(select system_identifier::text from pg_control_system())";
// The name of a WAL file begins with its timeline in hexadecimal digits.
constexpr auto k_timeline =
    "case when pg_is_in_recovery() then 0 else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), "
    "8))::bit(32)::int end";

SiteState read_site(Transaction& tx) {
  // None of these functions needs a privilege on PostgreSQL 15, but an administrator may have revoked it.
  const auto may = tx.exec1(
      "select has_function_privilege('pg_control_system()', 'execute'), "
      "has_function_privilege('pg_current_wal_lsn()', 'execute') and "
      "has_function_privilege('pg_walfile_name(pg_lsn)', 'execute')");
  const auto row =
      tx.exec1(fmt::format("select state, epoch, actor, reason, {}, {}, timeline from site",
                           may[0].as<bool>() ? k_identifier : "''", may[1].as<bool>() ? k_timeline : "0"));
  SiteState site;
  site.state = row[0].as<std::string>();
  site.epoch = base::Epoch{row[1].as<std::int64_t>()};
  site.actor = row[2].as<std::string>();
  site.reason = row[3].as<std::string>();
  site.system_identifier = row[4].as<std::string>();
  site.timeline = row[5].as<std::int64_t>();
  site.told_timeline = row[6].as<std::int64_t>();
  return site;
}

void move_to_suspended(Transaction& tx) {
  const auto moved = tx.exec(
      "update site set state = 'suspended', since = now() where state = 'suspending' and not exists "
      "(select 1 from node n where n.site_epoch < site.epoch and n.heartbeat_at > now() - interval '15 s') "
      "returning epoch");
  if (!moved.empty())
    tx.exec(
        "select add_event('state.changed', 'info', '', '', null, (select actor from site), "
        "jsonb_build_object('state', 'suspended', 'reason', (select reason from site)))");
}

}  // namespace

Task<SiteState> load_site(Pool& pool, std::string node) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    auto site = read_site(tx);
    const auto rows = tx.exec_params("select beat from node where id = $1", node);
    if (!rows.empty()) site.beat = rows[0][0].as<std::int64_t>();
    return site;
  });
}

Task<SiteState> heartbeat(Pool& pool, std::string node, std::string host, std::string version,
                          base::Epoch in_effect) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    // Durable as all else: the node remembers the number, and a database that lost it lost more.
    const auto row = tx.exec_params1(
        "insert into node (id, host, version, site_epoch) values ($1, $2, $3, $4) on conflict (id) do update "
        "set host = excluded.host, version = excluded.version, heartbeat_at = now(), "
        "site_epoch = excluded.site_epoch, beat = node.beat + 1 returning beat",
        node, clean_text(host), version, num(in_effect));
    move_to_suspended(tx);
    auto site = read_site(tx);
    site.beat = row[0].as<std::int64_t>();
    return site;
  });
}

Task<void> force_suspended(Pool& pool, std::string reason, base::Epoch at_least, std::int64_t timeline) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params(
        "update site set state = 'suspended', epoch = greatest(epoch, $2) + 1, actor = 'mirrord', reason = "
        "$1, since = now(), timeline = $3",
        clean_text(reason), num(at_least), timeline);
    // What was done since is on the stores and not in the map: until its content was matched, whatever is new
    // on the target may be ours.
    tx.exec(
        "update folder set memory = false, source_modseq = 0, target_modseq = 0, source_status = '', "
        "target_status = ''");
    tx.exec_params(
        "select add_event('state.changed', 'error', '', '', null, 'mirrord', jsonb_build_object('state', "
        "'suspended', 'reason', $1::text))",
        clean_text(reason));
  });
}

Task<void> save_service(Pool& pool, std::string node, ServiceState service) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params(
        "insert into service (node_id, name, state, restarts, error) values ($1, $2, $3, $5::int, $4) on "
        "conflict (node_id, name) do update set "
        "state = excluded.state, restarts = service.restarts + $5::int, since = now(), "
        "error = case when excluded.error <> '' then excluded.error else service.error end",
        node, service.name, service.state, clean_text(service.error), service.restarted ? 1 : 0);
  });
}

Task<std::vector<std::string>> take_restart_requests(Pool& pool, std::string node) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    std::vector<std::string> names;
    for (const auto& row : tx.exec_params("update service set restart_requested = false where node_id = $1 "
                                          "and restart_requested returning name",
                                          node))
      names.push_back(row[0].as<std::string>());
    return names;
  });
}

}  // namespace mirror::db
