// SPDX-License-Identifier: Apache-2.0
#include "db/store_subject.hpp"

#include "db/rows_detail.hpp"

namespace mirror::db {

Task<std::optional<StoreSubject>> load_store_subject(Pool& pool, std::string name, std::size_t owners) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    std::optional<StoreSubject> out;
    const auto store = tx.exec_params(
        "select s.id, exists (select 1 from link where source_store_id = s.id), "
        "exists (select 1 from link where target_store_id = s.id), "
        "(select count(*) from mailbox m join link l on l.id = m.link_id where m.participates and "
        "l.source_store_id = s.id) "
        "from store s where s.name = $1",
        clean_text(name));
    if (store.empty()) return out;
    StoreSubject subject;
    subject.id = StoreId{store[0][0].as<std::int64_t>()};
    subject.is_source = store[0][1].as<bool>();
    subject.is_target = store[0][2].as<bool>();
    subject.watched = store[0][3].as<std::int64_t>();
    for (const auto& row : tx.exec_params(
             "select m.id, o.owner from store s join link l on s.id in (l.source_store_id, "
             "l.target_store_id) "
             "join mailbox m on m.link_id = l.id cross join lateral "
             "(select case when l.source_store_id = s.id then m.name else m.target_name end as owner) o "
             "left join mailbox_password p on p.store_id = s.id and p.owner = o.owner "
             "where s.id = $1 and m.participates "
             "order by s.login_method = 'own_password' and p.owner is null, m.compared_at desc nulls last, "
             "m.id limit $2",
             num(subject.id), static_cast<int>(owners)))
      subject.owners.push_back({MailboxId{row[0].as<std::int64_t>()}, row[1].as<std::string>()});
    out = std::move(subject);
    return out;
  });
}

Task<void> note_scratch(Pool& pool, RunId run, MailboxId mailbox, std::string folder, bool made) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params(
        "insert into history (link_id, mailbox_id, folder_name, kind, run_id, reason) "
        "select link_id, id, $2, $3, $4, 'store test' from mailbox where id = $1",
        num(mailbox), clean_text(folder), made ? "scratch.created" : "scratch.removed", num(run));
  });
}

Task<void> set_run_result(Pool& pool, RunId run, std::string result_json) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params("update run set result = $2::jsonb where id = $1", num(run), clean_text(result_json));
  });
}

Task<void> begin_anew(Pool& pool, RunId run) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params(
        "update run_mailbox set state = 'waiting', detail = '{}', finished_at = null where run_id = $1 and "
        "state <> 'waiting'",
        num(run));
    tx.exec_params("update run set done = 0, failed = 0, differing = 0 where id = $1", num(run));
  });
}

Task<std::optional<std::int64_t>> load_position(Pool& pool, std::string key) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    std::optional<std::int64_t> out;
    const auto rows =
        tx.exec_params("select (value #>> '{}')::bigint from setting where key = $1", clean_text(key));
    if (!rows.empty()) out = rows[0][0].as<std::int64_t>();
    return out;
  });
}

Task<void> save_position(Pool& pool, std::string key, std::int64_t position) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.exec_params(
        "insert into setting (key, value) values ($1, to_jsonb($2::bigint)) on conflict (key) do update set "
        "value = excluded.value",
        clean_text(key), position);
  });
}

Task<std::optional<std::int64_t>> measured_rate(Pool& pool) {
  co_return co_await transact(pool, [](Transaction& tx) {
    std::optional<std::int64_t> out;
    const auto rows = tx.exec(
        "with recent as (select octets, at from history where kind = 'message.copied' order by id desc limit "
        "10000) "
        "select (sum(octets) / extract(epoch from max(at) - min(at)))::bigint from recent having count(*) > "
        "1 and max(at) > min(at)");
    if (!rows.empty() && !rows[0][0].is_null()) out = rows[0][0].as<std::int64_t>();
    return out;
  });
}

}  // namespace mirror::db
