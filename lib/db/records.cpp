// SPDX-License-Identifier: Apache-2.0
#include "db/records.hpp"

#include "db/rows_detail.hpp"

namespace mirror::db {

namespace {

StoreRecord read_store(const pqxx::row& row) {
  StoreRecord s;
  s.id = StoreId{row["id"].as<std::int64_t>()};
  s.name = row["name"].as<std::string>();
  s.host = row["host"].as<std::string>();
  s.port = row["port"].as<int>();
  s.tls = row["tls"].as<std::string>();
  s.tls_verify = row["tls_verify"].as<bool>();
  s.tls_server_name = row["tls_server_name"].as<std::string>();
  s.ca_pem = row["ca_pem"].as<std::string>();
  s.pin_sha256 = row["pin_sha256"].as<std::string>();
  s.certificate_file = row["certificate_file"].as<std::string>();
  s.key_file = row["key_file"].as<std::string>();
  s.profile = row["profile"].as<std::string>();
  s.login_method = row["login_method"].as<std::string>();
  s.login = row["login"].as<std::string>();
  s.master_separator = row["master_separator"].as<std::string>();
  s.password_sealed = read_octets(row["password_sealed"]);
  s.octets_per_second = row["octets_per_second"].as<std::int64_t>();
  s.state = row["state"].as<std::string>();
  s.row_version = row["row_version"].as<std::int64_t>();
  s.probe_now = row["probe_at"].is_null();
  s.probe_in = Millis(row["probe_in"].as<std::int64_t>());
  return s;
}

LinkRecord read_link(const pqxx::row& row) {
  LinkRecord l;
  l.id = LinkId{row["id"].as<std::int64_t>()};
  l.name = row["name"].as<std::string>();
  l.source = StoreId{row["source_store_id"].as<std::int64_t>()};
  l.target = StoreId{row["target_store_id"].as<std::int64_t>()};
  l.foreign_policy = row["foreign_policy"].as<std::string>();
  l.folder_include = read_texts(row["folder_include"]);
  l.folder_exclude = read_texts(row["folder_exclude"]);
  l.guard_count = row["guard_count"].as<std::int64_t>();
  l.guard_percent = row["guard_percent"].as<std::int64_t>();
  l.guard_link_percent = row["guard_link_percent"].as<std::int64_t>();
  l.deletion_delay = Seconds(row["deletion_delay"].as<std::int64_t>());
  l.paused_reason = row["paused_reason"].as<std::string>();
  return l;
}

}  // namespace

Task<std::vector<StoreRecord>> load_stores(Pool& pool) {
  co_return co_await transact(pool, Commit::relaxed, [](Transaction& tx) {
    std::vector<StoreRecord> stores;
    for (const auto& row :
         tx.exec("select *, greatest(0, coalesce(extract(epoch from probe_at - now()), 0) * "
                 "1000)::bigint as probe_in from store order by id"))
      stores.push_back(read_store(row));
    return stores;
  });
}

Task<std::vector<LinkRecord>> load_links(Pool& pool) {
  co_return co_await transact(pool, Commit::relaxed, [](Transaction& tx) {
    std::vector<LinkRecord> links;
    for (const auto& row : tx.exec("select * from link order by id")) links.push_back(read_link(row));
    return links;
  });
}

Task<void> store_up(Pool& pool, StoreId store) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    const auto changed = tx.exec_params(
        "update store set state = 'up', state_code = '', state_text = '', state_since = now(), probe_at = "
        "null "
        "where id = $1 and state <> 'up' returning name",
        num(store));
    if (!changed.empty())
      tx.exec_params("select add_event('store.up', 'info', $1, '', null, '', '{}')",
                     changed[0][0].as<std::string>());
  });
}

Task<void> store_down(Pool& pool, StoreId store, base::Failure failure, Seconds probe_in) {
  co_await transact(pool, [&](Transaction& tx) {
    const std::string state = failure.retry() == base::Retry::never ? "refused" : "down";
    const auto before =
        tx.exec_params1("select state, state_code, name from store where id = $1 for update", num(store));
    tx.exec_params(
        "update store set state = $2, state_code = $3, state_text = $4, probe_at = now() + "
        "make_interval(secs => $5), "
        "state_since = case when state = $2 and state_code = $3 then state_since else now() end where id = "
        "$1",
        num(store), state, std::string(failure.code()), clean_text(failure.detail()),
        static_cast<double>(probe_in.count()));
    if (before[0].as<std::string>() != state || before[1].as<std::string>() != failure.code())
      tx.exec_params(
          "select add_event('store.down', 'error', $1, '', null, '', jsonb_build_object('code', $2::text, "
          "'text', $3::text))",
          before[2].as<std::string>(), std::string(failure.code()), clean_text(failure.detail()));
  });
}

Task<std::optional<ProbeMailbox>> probe_mailbox(Pool& pool, StoreId store, MailboxId last, std::size_t turn) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    // One that was fine lately is the fairest witness.
    std::optional<ProbeMailbox> out;
    const auto rows = tx.exec_params(
        "select m.id, o.owner from store s join link l on s.id in (l.source_store_id, l.target_store_id) "
        "join mailbox m on m.link_id = l.id cross join lateral "
        "(select case when l.source_store_id = s.id then m.name else m.target_name end as owner) o "
        "left join mailbox_password p on p.store_id = s.id and p.owner = o.owner "
        "where s.id = $1 and m.participates "
        "order by s.login_method = 'own_password' and p.owner is null, m.compared_at is null, m.name = "
        "(select x.name from mailbox x where x.id = $2), "
        "m.compared_at desc, m.id limit $3 + 1",
        num(store), num(last), static_cast<std::int64_t>(turn));
    if (!rows.empty()) {
      const auto& row = rows[rows.size() > turn ? turn : 0];
      out = ProbeMailbox{MailboxId{row[0].as<std::int64_t>()}, row[1].as<std::string>()};
    }
    return out;
  });
}

Task<std::vector<WatchedMailbox>> load_watched(Pool& pool) {
  co_return co_await transact(pool, Commit::relaxed, [](Transaction& tx) {
    std::vector<WatchedMailbox> out;
    for (const auto& row : tx.exec("select m.id, l.source_store_id, m.name from mailbox m "
                                   "join link l on l.id = m.link_id "
                                   "where m.participates and l.paused_reason = '' order by m.id"))
      out.push_back({MailboxId{row[0].as<std::int64_t>()}, StoreId{row[1].as<std::int64_t>()},
                     row[2].as<std::string>()});
    return out;
  });
}

std::string password_context(StoreId store, std::string_view owner) {
  return fmt::format("store/{}/owner/{}/password", store, owner);
}

Task<std::vector<std::uint8_t>> load_owner_password(Pool& pool, StoreId store, std::string owner) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    const auto rows = tx.exec_params("select sealed from mailbox_password where store_id = $1 and owner = $2",
                                     num(store), clean_text(owner));
    return rows.empty() ? std::vector<std::uint8_t>{} : read_octets(rows[0][0]);
  });
}

Task<void> heard(Pool& pool, std::vector<MailboxId> mailboxes, std::string method) {
  if (mailboxes.empty()) co_return;
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    ArrayText ids;
    for (const auto id : mailboxes) ids.add(num(id));
    tx.exec_params("update mailbox set heard_at = now(), watch_method = $2 where id = any($1::bigint[])",
                   ids.done(), method);
  });
}

Task<void> count_store_events(Pool& pool, std::vector<StoreEventCount> counts) {
  if (counts.empty()) co_return;
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    for (const auto& c : counts)
      tx.exec_params(
          "insert into store_event (store_id, kind, impact, count) values ($1, $2, $3, $4) on conflict "
          "(store_id, kind, impact) "
          "do update set count = store_event.count + excluded.count, last_at = now()",
          num(c.store), c.kind, c.impact, c.count);
  });
}

Task<void> add_event(Pool& pool, std::string type, std::string severity, std::string store,
                     std::string mailbox, std::string data_json) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.exec_params("select add_event($1, $2, $3, $4, null, '', $5::jsonb)", type, severity, clean_text(store),
                   clean_text(mailbox), clean_text(data_json));
  });
}

Task<void> add_report(Pool& pool, std::string kind, std::string body_json) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params("insert into report (kind, body) values ($1, $2::jsonb)", kind, clean_text(body_json));
  });
}

Task<void> add_traffic(Pool& pool, StoreId store, std::uint64_t octets_in, std::uint64_t octets_out,
                       std::uint64_t messages) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.exec_params(
        "insert into traffic (store_id, octets_in, octets_out, messages) values ($1, $2, $3, $4) on conflict "
        "(store_id, day) do update set "
        "octets_in = traffic.octets_in + excluded.octets_in, octets_out = traffic.octets_out + "
        "excluded.octets_out, "
        "messages = traffic.messages + excluded.messages",
        num(store), static_cast<std::int64_t>(octets_in), static_cast<std::int64_t>(octets_out),
        static_cast<std::int64_t>(messages));
  });
}

}  // namespace mirror::db
