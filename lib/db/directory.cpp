// SPDX-License-Identifier: Apache-2.0
#include "db/directory.hpp"

#include "db/rows_detail.hpp"

namespace mirror::db {

namespace {

// Columns from `first` on, in the order of k_directory.
const char* const k_directory =
    "s.id, s.name, d.host, d.port, d.tls, d.tls_verify, d.tls_server_name, d.ca_pem, d.pin_sha256, "
    "d.certificate_file, d.key_file, d.other_addresses, d.bind_method, d.bind_dn, "
    "d.password_sealed, d.base_dn, d.filter, d.page_size, d.plain_passwords";

DirectoryRecord read_directory(const pqxx::row& row, int first) {
  DirectoryRecord r;
  const auto at = [&](int column) { return row[first + column]; };
  r.store = StoreId{at(0).as<std::int64_t>()};
  r.store_name = at(1).as<std::string>();
  r.host = at(2).as<std::string>();
  r.port = at(3).as<int>();
  r.tls = at(4).as<std::string>();
  r.tls_verify = at(5).as<bool>();
  r.tls_server_name = at(6).as<std::string>();
  r.ca_pem = at(7).as<std::string>();
  r.pin_sha256 = at(8).as<std::string>();
  r.certificate_file = at(9).as<std::string>();
  r.key_file = at(10).as<std::string>();
  r.other_addresses = read_texts(at(11));
  r.bind_method = at(12).as<std::string>();
  r.bind_dn = at(13).as<std::string>();
  r.password_sealed = read_octets(at(14));
  r.base_dn = at(15).as<std::string>();
  r.filter = at(16).as<std::string>();
  r.page_size = at(17).as<int>();
  r.plain_passwords = at(18).as<bool>();
  return r;
}

}  // namespace

Task<std::optional<DirectoryMirror>> load_directory_mirror(Pool& pool, LinkId link) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    std::optional<DirectoryMirror> out;
    const std::string sides =
        std::string(k_directory) + " from directory d join store s on s.id = d.store_id ";
    const auto rows = tx.exec_params(
        "select l.id, l.name, x.key_attribute, x.rdn_attribute, x.object_classes, "
        "x.fields::text, x.spelling, x.deletions, x.delete_after, x.foreign_entries = 'remove', "
        "x.guard_count, x.guard_percent, x.guard_shrink_percent, x.guarded_changes = 'wait', "
        "x.participation_filter, x.mailbox_attribute, x.window_size, x.operations_per_second "
        "from directory_mirror x join link l on l.id = x.link_id where l.id = $1",
        num(link));
    const auto source = tx.exec_params(
        "select " + sides + "join link l on l.source_store_id = s.id where l.id = $1", num(link));
    const auto target = tx.exec_params(
        "select " + sides + "join link l on l.target_store_id = s.id where l.id = $1", num(link));
    if (rows.empty() || source.empty() || target.empty()) return out;
    const auto row = rows[0];
    DirectoryMirror m;
    m.link = LinkId{row[0].as<std::int64_t>()};
    m.link_name = row[1].as<std::string>();
    m.key_attribute = row[2].as<std::string>();
    m.rdn_attribute = row[3].as<std::string>();
    m.object_classes = read_texts(row[4]);
    m.fields = row[5].as<std::string>();
    m.spelling = row[6].as<bool>();
    m.deletions = row[7].as<std::string>();
    m.delete_after = Seconds{row[8].as<std::int64_t>()};
    m.remove_foreign = row[9].as<bool>();
    m.guard_count = row[10].as<std::int64_t>();
    m.guard_percent = row[11].as<std::int64_t>();
    m.guard_shrink_percent = row[12].as<std::int64_t>();
    m.guarded_changes_wait = row[13].as<bool>();
    m.participation_filter = row[14].as<std::string>();
    m.mailbox_attribute = row[15].as<std::string>();
    m.window_size = row[16].as<std::size_t>();
    m.operations_per_second = row[17].as<std::uint64_t>();
    m.source = read_directory(source[0], 0);
    m.target = read_directory(target[0], 0);
    out = std::move(m);
    return out;
  });
}

namespace {

// The next time of day or end of an interval, after now; the jitter spreads links, always the same for one.
const char* const k_next =
    "(case when x.interval_seconds > 0 then now() + make_interval(secs => x.interval_seconds) else "
    "(select min(t) from (select (d::date + w::time) at time zone x.time_zone as t from "
    "generate_series((now() at time zone x.time_zone)::date, (now() at time zone x.time_zone)::date + 1, "
    "interval '1 day') d, unnest(x.times) w) u where u.t > now()) end "
    "+ make_interval(secs => x.jitter_seconds * mod(x.link_id * 0.6180339887498949, 1)::float8))";

}  // namespace

Task<void> queue_due_directory_runs(Pool& pool) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec(std::string("update directory_mirror x set next_run_at = ") + k_next +
            " where next_run_at is null and scheduled <> 'off'");
    const auto due = tx.exec(
        "select x.link_id, x.scheduled from directory_mirror x join link l on l.id = x.link_id, site "
        "where site.state = 'mirroring' and l.paused_reason = '' and x.scheduled <> 'off' "
        "and x.next_run_at <= now() order by x.link_id for update of x skip locked");
    for (const auto& row : due) {
      const auto link = row[0].as<std::int64_t>();
      tx.exec_params(
          "insert into run (kind, link_id, requested_by, reason, options) select 'directory', $1, "
          "'schedule', 'scheduled', jsonb_build_object('apply', $2::boolean) where not exists (select 1 from "
          "run where kind = 'directory' and link_id = $1 and state in ('queued', 'running'))",
          link, row[1].as<std::string>() == "apply");
      tx.exec_params(
          std::string("update directory_mirror x set next_run_at = ") + k_next + " where x.link_id = $1",
          link);
    }
  });
}

Task<std::optional<DirectoryRun>> take_directory_run(Pool& pool, std::string node) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    std::optional<DirectoryRun> out;
    // One at a time takes: two nodes must not begin two runs of one link.
    tx.exec("select pg_advisory_xact_lock(hashtext('mirrord directory run'))");
    const auto rows = tx.exec_params(
        // One that was interrupted reads anew: what it was to apply is no plan of this moment any more.
        "update run set state = 'running', options = case when started_at is null then options else options "
        "- 'plan' - 'allow_mass_delete' end, started_at = coalesce(started_at, now()), node_id = $1 where id "
        "= "
        "(select r.id from run r where r.state = 'queued' and r.kind = 'directory' and not exists (select 1 "
        "from run o where o.kind = 'directory' and o.state = 'running' and o.link_id = r.link_id) order by "
        "r.id limit 1) returning id, link_id, coalesce((options ->> 'apply')::boolean, false), "
        "coalesce((options ->> 'plan')::bigint, 0), array(select jsonb_array_elements_text(coalesce(options "
        "-> 'only', '[]'))), "
        "coalesce((options ->> 'allow_mass_delete')::boolean, false), requested_by, reason",
        node);
    if (rows.empty()) return out;
    DirectoryRun run;
    run.id = RunId{rows[0][0].as<std::int64_t>()};
    run.link = LinkId{rows[0][1].as<std::int64_t>()};
    run.apply = rows[0][2].as<bool>();
    run.plan = PlanId{rows[0][3].as<std::int64_t>()};
    run.only = read_texts(rows[0][4]);
    run.allow_mass_delete = rows[0][5].as<bool>();
    run.requested_by = rows[0][6].as<std::string>();
    run.reason = rows[0][7].as<std::string>();
    out = std::move(run);
    return out;
  });
}

Task<void> requeue_directory_runs(Pool& pool, std::string node) {
  co_await transact(pool, [&](Transaction& tx) {
    // Also of nodes that are no more: their heartbeat ended long ago.
    tx.exec_params(
        "update run r set state = 'queued' where r.kind = 'directory' and r.state = 'running' and (r.node_id "
        "= $1 or not exists (select 1 from node n where n.id = r.node_id and n.heartbeat_at > now() - "
        "interval '2 minutes'))",
        node);
  });
}

Task<void> try_directory_again(Pool& pool, LinkId link) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params(
        "update directory_mirror set next_run_at = least(next_run_at, now() + interval '5 minutes') where "
        "link_id = $1",
        num(link));
  });
}

Task<void> set_run_progress(Pool& pool, RunId run, std::int64_t total, std::int64_t done,
                            std::int64_t failed) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.exec_params("update run set total = $2, done = $3, failed = $4 where id = $1", num(run), total, done,
                   failed);
  });
}

}  // namespace mirror::db
