// SPDX-License-Identifier: Apache-2.0
#include "db/folders.hpp"

#include "db/fence_detail.hpp"
#include "db/run_detail.hpp"

namespace mirror::db {

namespace {

constexpr auto k_load = R"sql(
  select f.id, f.source_name, f.target_name, f.source_uidvalidity, f.source_uidnext, f.source_modseq,
         f.target_uidvalidity, f.target_uidnext, f.target_modseq, f.source_status, f.target_status, f.mailboxid,
         f.special_use, f.subscribed, f.greetings, f.state, f.memory,
         c.n, c.octets, c.greetings,
         exists (select 1 from quarantine k where k.mailbox_id = f.mailbox_id and k.folder_name = f.source_name
                  and k.kind = 'folder' and k.retry_at > now()),
         (select count(*) from intent i where i.folder_id = f.id and i.state = 'open'),
         e.foreign_n, e.unknown_n, e.uids, q.uids, h.uids, c.orphans, r.uids, c.witness, q.due,
         t.once, t.again, f.made_anew
    from folder f
    cross join lateral (select count(*) filter (where ours) as n, coalesce(sum(size) filter (where ours), 0)::bigint as octets,
                               count(*) filter (where ours and greeting) as greetings,
                               coalesce(max(source_uid) filter (where ours), 0) as witness,
                               coalesce(string_agg(target_uid::text, ',' order by target_uid) filter (where not ours), '') as orphans
                          from (select size, greeting, source_uid, target_uid, source_uidvalidity = f.source_uidvalidity as ours
                                  from message m where m.folder_id = f.id and m.target_uidvalidity = f.target_uidvalidity) m) c
    cross join lateral (select count(*) filter (where kind = 'foreign') as foreign_n,
                               count(*) filter (where kind = 'unknown') as unknown_n,
                               coalesce(string_agg(target_uid::text, ',' order by target_uid), '') as uids
                          from extra_message x where x.folder_id = f.id and x.target_uidvalidity = f.target_uidvalidity) e
    cross join lateral (select coalesce(string_agg(source_uid::text, ',' order by source_uid) filter (where retry_at > now()), '') as uids,
                               coalesce(string_agg(source_uid::text, ',' order by source_uid) filter (where retry_at > now() is not true), '') as due
                          from quarantine k where k.folder_id = f.id and k.kind in ('message', 'not_kept')
                           and k.source_uidvalidity = f.source_uidvalidity and k.source_uid > 0
                           and not exists (select 1 from message m where m.folder_id = f.id
                             and m.source_uidvalidity = k.source_uidvalidity and m.source_uid = k.source_uid)) q
    cross join lateral (select coalesce(string_agg(source_uid::text, ',' order by source_uid), '') as uids
                          from held_deletion d where d.folder_id = f.id and d.source_uidvalidity = f.source_uidvalidity
                           and d.released_at is null) h
    cross join lateral (select coalesce(string_agg(source_uid::text, ',' order by source_uid), '') as uids
                          from held_deletion d where d.folder_id = f.id and d.source_uidvalidity = f.source_uidvalidity
                           and d.released_at is not null) r
    cross join lateral (select coalesce(string_agg(source_uid::text, ',' order by source_uid), '') as once,
                               coalesce(string_agg(source_uid::text, ',' order by source_uid) filter (where n > 1), '') as again
                          from (select source_uid, count(*) as n from intent i where i.folder_id = f.id and i.state in ('open', 'absent', 'refused') and i.lost
                                   and i.source_uidvalidity = f.source_uidvalidity and i.sent_at > now() - interval '1 day'
                                 group by source_uid) i) t
   where f.mailbox_id = $1 order by f.id)sql";

UidSet read_set(const pqxx::field& field) {
  const auto text = field.as<std::string>();
  if (text.empty()) return {};
  const auto set = UidSet::parse(text);
  return set ? *set : UidSet{};
}

template <class E>
E read_id(const pqxx::field& field) {
  return static_cast<E>(field.as<std::int64_t>());
}

FolderRecord read_folder(const pqxx::row& row) {
  FolderRecord f;
  f.id = FolderId{row[0].as<std::int64_t>()};
  f.source_name = row[1].as<std::string>();
  f.target_name = row[2].as<std::string>();
  f.source_uidvalidity = read_id<UidValidity>(row[3]);
  f.source_uidnext = read_id<Uid>(row[4]);
  f.source_modseq = read_id<ModSeq>(row[5]);
  f.target_uidvalidity = read_id<UidValidity>(row[6]);
  f.target_uidnext = read_id<Uid>(row[7]);
  f.target_modseq = read_id<ModSeq>(row[8]);
  f.source_status = row[9].as<std::string>();
  f.target_status = row[10].as<std::string>();
  f.mailboxid = row[11].as<std::string>();
  f.special_use = row[12].as<std::string>();
  f.subscribed = row[13].as<bool>();
  f.greetings = row[14].as<bool>();
  f.state = row[15].as<std::string>();
  f.memory = row[16].as<bool>();
  f.mapped = row[17].as<std::uint64_t>();
  f.octets = row[18].as<std::uint64_t>();
  f.greeting_messages = row[19].as<std::uint64_t>();
  f.refused = row[20].as<bool>();
  f.open_intents = row[21].as<std::uint64_t>();
  f.foreign = row[22].as<std::uint64_t>();
  f.unknown = row[23].as<std::uint64_t>();
  f.extra_uids = read_set(row[24]);
  f.quarantined = read_set(row[25]);
  f.held = read_set(row[26]);
  f.orphans = read_set(row[27]);
  f.released = read_set(row[28]);
  f.witness = read_id<Uid>(row[29]);
  f.due = read_set(row[30]);
  f.tried = read_set(row[31]);
  f.tried_again = read_set(row[32]);
  f.made_anew = row[33].as<bool>();
  return f;
}

void save_one(Transaction& tx, const Checkpoint& c, bool judged) {
  tx.exec_params(
      "update folder set source_uidvalidity = $2, source_uidnext = $3, source_modseq = $4, source_exists = "
      "$5, "
      "target_uidvalidity = $6, target_uidnext = greatest($7, case when target_uidvalidity = $6 then "
      "target_uidnext else 0 end), "
      "target_modseq = $8, target_exists = $9, source_status = $10, target_status = $11, mailboxid = $12, "
      "special_use = $13, subscribed = $14, greetings = $15, memory = true, made_anew = made_anew and not "
      "$16 "
      "where id = $1",
      base::raw(c.folder), static_cast<std::int64_t>(base::raw(c.source_uidvalidity)),
      static_cast<std::int64_t>(base::raw(c.source_uidnext)),
      static_cast<std::int64_t>(base::raw(c.source_modseq)), static_cast<std::int64_t>(c.source_exists),
      static_cast<std::int64_t>(base::raw(c.target_uidvalidity)),
      static_cast<std::int64_t>(base::raw(c.target_uidnext)),
      static_cast<std::int64_t>(base::raw(c.target_modseq)), static_cast<std::int64_t>(c.target_exists),
      c.source_status, c.target_status, clean_text(c.mailboxid), clean_text(c.special_use), c.subscribed,
      c.greetings, judged);
}

}  // namespace

Task<std::vector<FolderRecord>> load_folders(Pool& pool, base::MailboxId mailbox) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    std::vector<FolderRecord> folders;
    for (const auto& row : tx.exec_params(k_load, base::raw(mailbox))) folders.push_back(read_folder(row));
    return folders;
  });
}

Task<std::map<FolderId, std::int64_t>> count_greetings(Pool& pool, base::MailboxId mailbox) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    std::map<FolderId, std::int64_t> counts;
    for (const auto& row :
         tx.exec_params("select f.id, count(*) from folder f join message m on m.folder_id = f.id "
                        "and m.source_uidvalidity = f.source_uidvalidity "
                        "and m.target_uidvalidity = f.target_uidvalidity "
                        "where f.mailbox_id = $1 and m.greeting group by f.id",
                        base::raw(mailbox)))
      counts[FolderId{row[0].as<std::int64_t>()}] = row[1].as<std::int64_t>();
    return counts;
  });
}

Task<PassStart> begin_pass(Pool& pool, Fence fence, bool dry_run) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.of_a_pass = true;
    close_recovered(tx, fence);
    if (!dry_run)
      // Without memory everything there is compared by its content, whatever sizes and dates are told.
      tx.exec_params(
          "with wrong as (delete from message m using folder f where f.mailbox_id = $1 and m.folder_id = "
          "f.id "
          "and m.suspect returning m.folder_id) "
          "update folder set memory = false where id in (select folder_id from wrong)",
          base::raw(fence.mailbox));
    PassStart start;
    start.run = find_run(tx, fence.mailbox);
    for (const auto& row : tx.exec_params(k_load, base::raw(fence.mailbox)))
      start.folders.push_back(read_folder(row));
    return start;
  });
}

Task<std::vector<FolderId>> add_folders(Pool& pool, base::MailboxId mailbox,
                                        std::vector<FolderRecord> folders) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.of_a_pass = true;
    std::vector<FolderId> ids;
    for (const auto& folder : folders) {
      const auto row = tx.exec_params1(
          "insert into folder (mailbox_id, source_name, target_name, special_use, greetings, state, memory) "
          "values ($1, $2, $3, $4, $5, $6, $7) returning id",
          base::raw(mailbox), clean_text(folder.source_name), clean_text(folder.target_name),
          clean_text(folder.special_use), folder.greetings,
          folder.state.empty() ? std::string("active") : folder.state, folder.memory);
      ids.push_back(FolderId{row[0].as<std::int64_t>()});
    }
    return ids;
  });
}

Task<void> rename_folders(Pool& pool, Fence fence, std::vector<FolderRename> renames) {
  co_await transact(pool, [&](Transaction& tx) {
    require_epoch(tx, fence);
    for (const auto& rename : renames) {
      const auto before =
          tx.exec_params1("select target_name from folder where id = $1", base::raw(rename.folder));
      tx.exec_params(
          "update folder set source_name = $2, target_name = $3, source_status = '', target_status = '' "
          "where id = $1",
          base::raw(rename.folder), clean_text(rename.source_name), clean_text(rename.target_name));
      if (before[0].as<std::string>() == clean_text(rename.target_name)) continue;
      tx.exec_params(
          "insert into history (link_id, mailbox_id, folder_name, kind, before, after, run_id, reason, "
          "epoch) "
          "values ($1, $2, $3, 'folder.renamed', $4, $3, nullif($5, 0), $6, $7)",
          base::raw(fence.link), base::raw(fence.mailbox), clean_text(rename.target_name),
          before[0].as<std::string>(), base::raw(fence.run), fence.reason, base::raw(fence.epoch));
    }
  });
}

Task<void> remove_folder(Pool& pool, Fence fence, FolderRecord folder) {
  co_await transact(pool, [&](Transaction& tx) {
    require_epoch(tx, fence);
    tx.exec_params("delete from folder where id = $1", base::raw(folder.id));
    tx.exec_params(
        "insert into history (link_id, mailbox_id, folder_name, kind, before, run_id, reason, epoch) "
        "values ($1, $2, $3, 'folder.deleted', $3, nullif($4, 0), $5, $6)",
        base::raw(fence.link), base::raw(fence.mailbox), clean_text(folder.target_name), base::raw(fence.run),
        fence.reason, base::raw(fence.epoch));
  });
}

Task<void> set_folder_state(Pool& pool, FolderId folder, std::string state) {
  co_await transact(pool, [&](Transaction& tx) {
    tx.of_a_pass = true;
    tx.exec_params("update folder set state = $2 where id = $1", base::raw(folder), state);
  });
}

Task<void> forget_messages(Pool& pool, Fence fence, FolderId folder, UidValidity source, UidValidity target) {
  co_await transact(pool, [&](Transaction& tx) {
    require_epoch(tx, fence);
    const auto s = static_cast<std::int64_t>(base::raw(source));
    const auto t = static_cast<std::int64_t>(base::raw(target));
    tx.exec_params(
        "with gone as (delete from message where folder_id = $1 and (source_uidvalidity <> $2 or "
        "target_uidvalidity <> $3) returning *) "
        "insert into tombstone (folder_id, source_uidvalidity, source_uid, target_uidvalidity, target_uid, "
        "digest, size) "
        "select folder_id, source_uidvalidity, source_uid, target_uidvalidity, target_uid, source_digest, "
        "size from gone "
        "on conflict do nothing",
        base::raw(folder), s, t);
    tx.exec_params(
        "update intent set state = 'absent' where folder_id = $1 and state = 'open' and (source_uidvalidity "
        "<> $2 or target_uidvalidity <> $3)",
        base::raw(folder), s, t);
    tx.exec_params("delete from extra_message where folder_id = $1 and target_uidvalidity <> $2",
                   base::raw(folder), t);
    tx.exec_params(
        "delete from held_deletion where folder_id = $1 and (source_uidvalidity <> $2 or target_uidvalidity "
        "<> $3)",
        base::raw(folder), s, t);
    tx.exec_params(
        "delete from quarantine where folder_id = $1 and source_uid > 0 and source_uidvalidity <> $2",
        base::raw(folder), s);
  });
}

Task<void> orphan_messages(Pool& pool, Fence fence, FolderId folder, UidValidity source) {
  co_await transact(pool, [&](Transaction& tx) {
    require_epoch(tx, fence);
    const auto s = static_cast<std::int64_t>(base::raw(source));
    tx.exec_params(
        "update intent set state = 'absent' where folder_id = $1 and state = 'open' and source_uidvalidity "
        "<> $2",
        base::raw(folder), s);
    tx.exec_params(
        "delete from quarantine where folder_id = $1 and source_uid > 0 and source_uidvalidity <> $2",
        base::raw(folder), s);
  });
}

Task<void> set_target_identity(Pool& pool, Fence fence, FolderId folder, UidValidity source,
                               UidValidity target, bool memory) {
  co_await transact(pool, [&](Transaction& tx) {
    require_epoch(tx, fence);
    tx.exec_params(
        "update folder set source_uidvalidity = $2, target_uidvalidity = $3, source_uidnext = 0, "
        "source_modseq = 0, "
        "target_uidnext = 0, target_modseq = 0, source_status = '', target_status = '', memory = $4, "
        "made_anew = made_anew or source_uidvalidity not in (0, $2) where id "
        "= $1",
        base::raw(folder), static_cast<std::int64_t>(base::raw(source)),
        static_cast<std::int64_t>(base::raw(target)), memory);
  });
}

Task<void> save_checkpoints(Pool& pool, Fence fence, std::vector<Checkpoint> checkpoints, bool judged) {
  if (checkpoints.empty()) co_return;
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    require_epoch(tx, fence);
    for (const auto& checkpoint : checkpoints) save_one(tx, checkpoint, judged);
  });
}

}  // namespace mirror::db
