// SPDX-License-Identifier: Apache-2.0
#include "db/config_directory.hpp"

#include "db/config_detail.hpp"

namespace mirror::db {

const char* const k_directory_view =
    "select s.name as store, d.host, d.port, d.tls, d.tls_verify, d.tls_server_name, d.ca_pem, d.pin_sha256, "
    "d.certificate_file, d.key_file, d.other_addresses, d.bind_method, d.bind_dn, d.password_sealed is not "
    "null as password_set, d.base_dn, d.filter, d.page_size, d.plain_passwords, d.row_version, "
    "@d.created_at@ as created_at from directory d join store s on s.id = d.store_id ";

const char* const k_directory_mirror_view =
    "select l.name as link, m.times, m.time_zone, m.interval_seconds, m.jitter_seconds, m.scheduled, "
    "m.key_attribute, m.rdn_attribute, m.object_classes, m.fields, m.spelling, m.deletions, m.delete_after, "
    "m.foreign_entries, m.guard_count, m.guard_percent, m.guard_shrink_percent, m.guarded_changes, "
    "m.participation_filter, m.mailbox_attribute, m.window_size, m.operations_per_second, "
    "@m.next_run_at@ as next_run_at, m.row_version, @m.created_at@ as created_at "
    "from directory_mirror m join link l on l.id = m.link_id ";

namespace {

using Why = Refused::Why;

// What of a row is configuration: the rows of directory and of directory_mirror have their owner's id first.
struct Kind {
  const char* table;
  const char* owner;  // the table of the name an administrator knows it by
  const char* id;
  const char* words;
  const char* by_name;
};
constexpr Kind k_directory{"directory", "store", "store_id", "directory", "where s.name = $1"};
constexpr Kind k_mirror{"directory_mirror", "link", "link_id", "directory mirror", "where l.name = $1"};

// The row's version, or nullopt when there is none.
std::optional<std::int64_t> locked_version(Transaction& tx, const Kind& kind, std::int64_t id) {
  const auto rows = tx.exec_params(
      fmt::format("select row_version from {} where {} = $1 for update", kind.table, kind.id), id);
  std::optional<std::int64_t> out;
  if (!rows.empty()) out = rows[0][0].as<std::int64_t>();
  return out;
}

Refused absent(const Kind& kind, const std::string& name) {
  return {Why::not_found, fmt::format("the {} \"{}\" has no {}", kind.owner, name, kind.words)};
}

void require_version(const Kind& kind, const std::string& name, std::optional<std::int64_t> present,
                     std::optional<std::int64_t> wanted) {
  if (!present) throw absent(kind, name);
  if (wanted && *present != *wanted)
    throw Refused(Why::stale, fmt::format("the {} of \"{}\" was changed meanwhile (row version {})",
                                          kind.words, name, *present));
}

void remove_row(Transaction& tx, const Kind& kind, const std::string& name, std::int64_t id,
                std::optional<std::int64_t> row_version) {
  require_version(kind, name, locked_version(tx, kind, id), row_version);
  tx.exec_params(fmt::format("delete from {} where {} = $1", kind.table, kind.id), id);
}

void require_times(Transaction& tx, std::int64_t link) {
  const auto zone = tx.exec_params(
      "select m.time_zone from directory_mirror m where m.link_id = $1 and m.time_zone <> 'UTC' and not "
      "exists (select 1 from pg_timezone_names z where z.name = m.time_zone)",
      link);
  if (!zone.empty())
    throw Refused(Why::invalid,
                  fmt::format("\"{}\" is no time zone, such as Europe/Berlin", zone[0][0].c_str()));
  if (!tx.exec_params("select 1 from directory_mirror where link_id = $1 and cardinality(times) = 0 and "
                      "interval_seconds = 0 and scheduled <> 'off'",
                      link)
           .empty())
    throw Refused(Why::invalid,
                  "without times and an interval no run would ever come: scheduled = off says so");
  for (const auto& row :
       tx.exec_params("select unnest(times) from directory_mirror where link_id = $1", link)) {
    const auto time = row[0].is_null() ? std::string() : row[0].as<std::string>();
    if (!is_time_of_day(time))
      throw Refused(Why::invalid, fmt::format("\"{}\" is no time of day, 00:00 to 23:59", time));
  }
}

// Every change of configuration leaves these three.
void tell(Transaction& tx, const Actor& actor, const std::string& action, const std::string& name,
          const Json& detail, const Kind& kind) {
  audit(tx, actor, action, name, detail, "");
  event(tx, "config.changed", "", actor, fmt::format("{{\"object\":\"{}\"}}", kind.table));
  wake(tx, "config");
}

Json row_of(Transaction& tx, const Kind& kind, const char* view, const std::string& name) {
  const Json object = object_of(tx, std::string(view) + kind.by_name, clean_text(name));
  if (object == "null") throw absent(kind, name);
  return object;
}

}  // namespace

bool is_time_of_day(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4)) return false;
  return (text[0] < '2' || (text[0] == '2' && text[1] < '4')) && text[3] < '6';
}

void write_directory(Transaction& tx, const std::string& store, const Json& patch,
                     std::optional<std::int64_t> row_version) {
  const std::int64_t id = store_id(tx, store);
  const auto present = locked_version(tx, k_directory, id);
  if (present || row_version) require_version(k_directory, store, present, row_version);
  if (!present &&
      tx.exec_params("insert into directory (store_id, host, port, base_dn, row_version) select $1, r.host, "
                     "r.port, r.base_dn, 0 from jsonb_populate_record(null::directory, $2::jsonb) r where "
                     "r.host <> '' and r.port is not null and r.base_dn <> ''",
                     id, clean_text(patch))
              .affected_rows() == 0)
    throw Refused(Why::invalid, "a directory needs a host, a port and a base_dn");
  tx.exec_params(
      "update directory d set (host, port, tls, tls_verify, tls_server_name, ca_pem, pin_sha256, "
      "certificate_file, key_file, other_addresses, bind_method, bind_dn, base_dn, filter, page_size, "
      "plain_passwords) = (select r.host, r.port, r.tls, r.tls_verify, r.tls_server_name, r.ca_pem, "
      "r.pin_sha256, r.certificate_file, r.key_file, r.other_addresses, r.bind_method, r.bind_dn, r.base_dn, "
      "r.filter, r.page_size, r.plain_passwords from jsonb_populate_record(d, $2::jsonb) r), "
      "row_version = row_version + 1 where d.store_id = $1",
      id, clean_text(patch));
}

void seal_directory_password(Transaction& tx, const std::string& store, const base::Sealer& sealer,
                             const base::SecretText& password) {
  const std::int64_t id = store_id(tx, store);
  const auto sealed = sealer.seal(password, fmt::format("directory/{}/password", id));
  if (tx.exec_params(
            "update directory set password_sealed = $2, row_version = row_version + 1 where store_id = $1",
            id, pqxx::binarystring(sealed.data(), sealed.size()))
          .affected_rows() == 0)
    throw absent(k_directory, store);
}

void write_directory_mirror(Transaction& tx, const std::string& link, const Json& patch,
                            std::optional<std::int64_t> row_version) {
  const std::int64_t id = link_id(tx, link);
  const auto present = locked_version(tx, k_mirror, id);
  if (present || row_version) require_version(k_mirror, link, present, row_version);
  if (!present) tx.exec_params("insert into directory_mirror (link_id, row_version) values ($1, 0)", id);
  // What is not scheduled as it was is reckoned anew.
  tx.exec_params(
      "update directory_mirror m set (times, time_zone, interval_seconds, jitter_seconds, scheduled, "
      "key_attribute, rdn_attribute, object_classes, fields, spelling, deletions, delete_after, "
      "foreign_entries, guard_count, guard_percent, guard_shrink_percent, guarded_changes, "
      "participation_filter, mailbox_attribute, window_size, operations_per_second, next_run_at) = (select "
      "r.times, r.time_zone, r.interval_seconds, r.jitter_seconds, r.scheduled, r.key_attribute, "
      "r.rdn_attribute, r.object_classes, r.fields, r.spelling, r.deletions, r.delete_after, "
      "r.foreign_entries, r.guard_count, r.guard_percent, r.guard_shrink_percent, r.guarded_changes, "
      "r.participation_filter, r.mailbox_attribute, r.window_size, r.operations_per_second, "
      "case when (r.times, r.time_zone, r.interval_seconds, r.jitter_seconds, r.scheduled) is not distinct "
      "from (m.times, m.time_zone, m.interval_seconds, m.jitter_seconds, m.scheduled) then m.next_run_at end "
      "from jsonb_populate_record(m, $2::jsonb) r), row_version = row_version + 1 where m.link_id = $1",
      id, clean_text(patch));
  require_times(tx, id);
}

Task<Json> show_directory(Pool& pool, std::string store) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    store_id(tx, store);
    return row_of(tx, k_directory, k_directory_view, store);
  });
}

Task<Json> put_directory(Pool& pool, std::string store, Json patch, std::optional<std::int64_t> row_version,
                         Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    write_directory(tx, store, patch, row_version);
    tell(tx, actor, "directory.put", store, patch, k_directory);
    return row_of(tx, k_directory, k_directory_view, store);
  });
}

Task<void> remove_directory(Pool& pool, std::string store, std::optional<std::int64_t> row_version,
                            Actor actor) {
  co_await transact(pool, [&](Transaction& tx) {
    remove_row(tx, k_directory, store, store_id(tx, store), row_version);
    tell(tx, actor, "directory.remove", store, "{}", k_directory);
  });
}

Task<void> set_directory_password(Pool& pool, std::string store, const base::Sealer& sealer,
                                  base::SecretText password, Actor actor) {
  co_await transact(pool, [&](Transaction& tx) {
    seal_directory_password(tx, store, sealer, password);
    tell(tx, actor, "directory.credential", store, "{}", k_directory);
  });
}

Task<Json> show_directory_mirror(Pool& pool, std::string link) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    link_id(tx, link);
    return row_of(tx, k_mirror, k_directory_mirror_view, link);
  });
}

Task<Json> put_directory_mirror(Pool& pool, std::string link, Json patch,
                                std::optional<std::int64_t> row_version, Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    write_directory_mirror(tx, link, patch, row_version);
    tell(tx, actor, "directory_mirror.put", link, patch, k_mirror);
    return row_of(tx, k_mirror, k_directory_mirror_view, link);
  });
}

Task<void> remove_directory_mirror(Pool& pool, std::string link, std::optional<std::int64_t> row_version,
                                   Actor actor) {
  co_await transact(pool, [&](Transaction& tx) {
    remove_row(tx, k_mirror, link, link_id(tx, link), row_version);
    tell(tx, actor, "directory_mirror.remove", link, "{}", k_mirror);
  });
}

}  // namespace mirror::db
