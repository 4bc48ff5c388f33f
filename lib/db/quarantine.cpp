// SPDX-License-Identifier: Apache-2.0
#include "db/quarantine.hpp"

#include "db/quarantine_detail.hpp"
#include "db/rows_detail.hpp"

namespace mirror::db {

namespace {

// retry_at is null from the moment a row is due until it was tried.
constexpr auto k_put = R"sql(
  insert into quarantine as q (mailbox_id, folder_id, folder_name, kind, source_uidvalidity, source_uid, code, wanted, got,
                               server_text, size, attempts, retry_at)
  select distinct on (x.name, x.kind, x.uidvalidity, x.source, x.wanted) $1::bigint, nullif(x.folder, 0), x.name, x.kind,
         x.uidvalidity, x.source, x.code, x.wanted, x.got, x.text, x.size, x.attempts, quarantine_until(x.kind, x.code, x.attempts)
    from unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[],
                $10::text[], $11::bigint[], $12::int[])
         x(folder, name, kind, uidvalidity, source, code, wanted, got, text, size, attempts)
  on conflict (mailbox_id, folder_name, kind, source_uidvalidity, source_uid, wanted) do update
    set attempts = greatest(q.attempts + 1, excluded.attempts), last_at = now(), got = excluded.got,
        server_text = excluded.server_text, code = excluded.code,
        retry_at = quarantine_until(q.kind, excluded.code, greatest(q.attempts + 1, excluded.attempts))
  returning source_uid, retry_at > now() as waits,
            (retry_at > now() or kind = 'altered') and (xmax = 0 or (kind = 'not_kept' and attempts = quarantine_sends(code)))
              as news)sql";

}  // namespace

Task<std::set<Uid>> quarantine(Pool& pool, base::MailboxId mailbox, std::vector<Quarantined> rows) {
  if (rows.empty()) co_return std::set<Uid>{};
  co_return co_await transact(pool, [&](Transaction& tx) {
    tx.of_a_pass = true;
    ArrayText folders, names, kinds, uidvalidities, sources, codes, wanted, got, texts, sizes, attempts;
    for (const auto& q : rows) {
      folders.add(num(q.folder));
      names.add(clean_text(q.folder_name));
      kinds.add(q.kind);
      uidvalidities.add(num(q.source_uidvalidity));
      sources.add(num(q.source));
      codes.add(q.code);
      wanted.add(clean_text(q.wanted));
      got.add(clean_text(q.got));
      texts.add(clean_text(q.server_text));
      sizes.add(static_cast<std::int64_t>(q.size));
      attempts.add(static_cast<std::int64_t>(q.attempts));
    }
    std::set<Uid> waiting;
    int news = 0;
    for (const auto& row : tx.exec_params(k_put, num(mailbox), folders.done(), names.done(), kinds.done(),
                                          uidvalidities.done(), sources.done(), codes.done(), wanted.done(),
                                          got.done(), texts.done(), sizes.done(), attempts.done())) {
      const bool waits = row[1].as<bool>(false);
      if (waits) waiting.insert(Uid{row[0].as<std::uint32_t>()});
      if (row[2].as<bool>(false)) ++news;
    }
    // What is in quarantine already is no news.
    if (news > 0)
      tx.exec_params(
          "select add_event('quarantine.added', 'warning', '', (select name from mailbox where id = $1), "
          "null, "
          "'', jsonb_build_object('rows', $2::int, 'code', $3::text, 'kind', $4::text))",
          num(mailbox), news, rows.front().code, rows.front().kind);
    return waiting;
  });
}

Task<std::map<Uid, base::LostFlags>> lost_flags(Pool& pool, FolderKey key) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    std::map<Uid, base::LostFlags> lost;
    for (const auto& row : tx.exec_params(
             "select source_uid, wanted, retry_at > now() from quarantine where folder_id = $1 and kind = "
             "'flag' and source_uidvalidity = $2 and source_uid > 0",
             num(key.folder), num(key.source))) {
      auto& of_one = lost[Uid{row[0].as<std::uint32_t>()}];
      of_one.all.add(row[1].as<std::string>());
      if (row[2].as<bool>(false)) of_one.waiting.add(row[1].as<std::string>());
    }
    return lost;
  });
}

Task<void> release_flags(Pool& pool, FolderKey key, std::vector<base::LostFlag> flags) {
  if (flags.empty()) co_return;
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.of_a_pass = true;
    ArrayText sources, words;
    for (const auto& flag : flags) {
      sources.add(num(flag.source));
      words.add(clean_text(flag.word));
    }
    tx.exec_params(
        "delete from quarantine q using unnest($3::bigint[], $4::text[]) x(source, word) where q.folder_id = "
        "$1 and q.kind = 'flag' and q.source_uidvalidity = $2 and q.source_uid = x.source and q.wanted = "
        "x.word",
        num(key.folder), num(key.source), sources.done(), words.done());
  });
}

// By the folder's number: a row keeps the name that the folder had when it was written.
Task<void> release_quarantine(Pool& pool, FolderId folder, std::string kind, UidValidity source_uidvalidity,
                              std::vector<Uid> sources) {
  if (sources.empty()) co_return;
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.of_a_pass = true;
    ArrayText uids;
    for (const auto uid : sources) uids.add(num(uid));
    tx.exec_params(
        "delete from quarantine where folder_id = $1 and kind = $2 and source_uidvalidity = $3 and "
        "source_uid = any($4::bigint[])",
        num(folder), kind, num(source_uidvalidity), uids.done());
  });
}

Task<void> release_settled_folders(Pool& pool, base::MailboxId mailbox, std::vector<std::string> on_source,
                                   std::vector<std::string> on_target) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.of_a_pass = true;
    ArrayText source, target;
    for (const auto& name : on_source) source.add(clean_text(name));
    for (const auto& name : on_target) target.add(clean_text(name));
    tx.exec_params(
        "delete from quarantine where mailbox_id = $1 and kind = 'folder' and case when code = 'MRD-MIR-012' "
        "then folder_name = any($2::text[]) or wanted <> all($3::text[]) "
        "else folder_name <> all($2::text[]) or wanted = any($3::text[]) end",
        num(mailbox), source.done(), target.done());
  });
}

std::size_t raise_quarantine_due(Transaction& tx) {
  return tx
      .exec(
          "with due as (update quarantine q set retry_at = null from mailbox m where q.retry_at <= now() and "
          "  q.kind in ('message', 'not_kept', 'folder') and m.id = q.mailbox_id and m.participates "
          "  returning q.mailbox_id) "
          "insert into dirty (mailbox_id, generation, cause, class, full_compare) "
          "select mailbox_id, nextval('dirty_generation'), 'quarantine.due', 2, true from due group by "
          "mailbox_id "
          "on conflict (mailbox_id) do update set generation = excluded.generation, full_compare = true, "
          "last_seen = now(), due_at = least(dirty.due_at, now())")
      .affected_rows();
}

}  // namespace mirror::db
