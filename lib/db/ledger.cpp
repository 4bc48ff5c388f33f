// SPDX-License-Identifier: Apache-2.0
#include "db/ledger.hpp"

#include "db/rows_detail.hpp"

namespace mirror::db {

namespace {

constexpr auto k_open = R"sql(
  insert into intent (folder_id, source_uidvalidity, source_uid, target_uidvalidity, target_floor, size, internaldate,
                      message_id_hash, digest, epoch)
  select $1, $2, x.uid, $3, x.floor, x.size, x.date, x.mid, x.digest, $4
    from unnest($5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[])
         with ordinality x(uid, floor, size, date, mid, digest, n) order by x.n
  returning id)sql";

// What is on the target now is refused no more.
constexpr auto k_map = R"sql(
  with there as (
    delete from quarantine where folder_id = $1 and source_uidvalidity = $2 and source_uid = any($4::bigint[])
                             and kind in ('message', 'not_kept'))
  insert into message (folder_id, source_uidvalidity, source_uid, target_uidvalidity, target_uid, size, internaldate,
                       zone_minutes, flags, message_id_hash, source_digest, target_digest, greeting, target_size, target_date)
  select $1, $2, x.source, $3, x.target, x.size, x.date, x.zone, x.flags, x.mid, x.digest, coalesce(x.other, x.digest), x.greeting,
         x.target_size, x.target_date
    from unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::int[], $9::text[], $10::bigint[],
                $11::bytea[], $12::bytea[], $13::bool[], $14::bigint[], $15::bigint[])
         x(source, target, size, date, zone, flags, mid, digest, other, greeting, target_size, target_date))sql";

constexpr auto k_history = R"sql(
  insert into history (link_id, mailbox_id, folder_name, kind, source_uid, target_uid, target_uidvalidity, after, digest,
                       octets, run_id, reason, epoch)
  select $1, $2, $3, case when x.adopted then 'message.adopted' else 'message.copied' end, x.source, x.target, $4,
         x.flags, x.digest, x.size, nullif($5, 0), $6, $7
    from unnest($8::bigint[], $9::bigint[], $10::text[], $11::bytea[], $12::bigint[], $13::bool[])
         x(source, target, flags, digest, size, adopted))sql";

void set_intents(Transaction& tx, const std::vector<base::IntentId>& ids, const char* state) {
  if (ids.empty()) return;
  ArrayText text;
  for (const auto id : ids) text.add(num(id));
  tx.exec_params("update intent set state = $2 where id = any($1::bigint[])", text.done(),
                 std::string(state));
}

// A copy mapped under an earlier source UIDVALIDITY that a message of the new folder has taken over.
void drop_orphans(Transaction& tx, const FolderKey& key, const std::vector<Stored>& stored) {
  ArrayText targets;
  for (const auto& s : stored)
    if (s.adopted) targets.add(num(s.target));
  tx.exec_params(
      "with taken as (delete from message where folder_id = $1 and source_uidvalidity <> $2 and "
      "target_uidvalidity = $3 and target_uid = any($4::bigint[]) returning source_uidvalidity, source_uid) "
      "delete from held_deletion h using taken t where h.folder_id = $1 and "
      "h.source_uidvalidity = t.source_uidvalidity and h.source_uid = t.source_uid",
      num(key.folder), num(key.source), num(key.target), targets.done());
}

void insert_map(Transaction& tx, const FolderKey& key, const std::vector<Stored>& stored) {
  ArrayText source, target, size, date, zone, flags, mid, digest, other, greeting, target_size, target_date;
  for (const auto& s : stored) {
    source.add(num(s.intent.source));
    target.add(num(s.target));
    size.add(static_cast<std::int64_t>(s.intent.length != 0 ? s.intent.length : s.intent.size));
    date.add(s.intent.date.unix_seconds);
    zone.add(static_cast<std::int64_t>(s.intent.date.zone_minutes));
    flags.add(s.intent.flags.text());
    mid.add(s.intent.message_id_hash);
    add_digest(digest, s.intent.digest);
    add_digest(other, s.target_digest);
    greeting.add(std::string_view(s.intent.greeting ? "t" : "f"));
    target_size.add(static_cast<std::int64_t>(s.target_size));
    target_date.add(s.target_date);
  }
  tx.exec_params(k_map, num(key.folder), num(key.source), num(key.target), source.done(), target.done(),
                 size.done(), date.done(), zone.done(), flags.done(), mid.done(), digest.done(), other.done(),
                 greeting.done(), target_size.done(), target_date.done());
}

void insert_history(Transaction& tx, const Fence& fence, const FolderKey& key, const WindowResult& result) {
  ArrayText source, target, flags, digest, size, adopted;
  for (const auto& s : result.stored) {
    source.add(num(s.intent.source));
    target.add(num(s.target));
    flags.add(s.intent.flags.text());
    add_digest(digest, s.intent.digest);
    size.add(static_cast<std::int64_t>(s.intent.length != 0 ? s.intent.length : s.intent.size));
    adopted.add(std::string_view(s.adopted ? "t" : "f"));
  }
  tx.exec_params(k_history, num(fence.link), num(fence.mailbox), clean_text(result.folder_name),
                 num(key.target), num(fence.run), fence.reason, num(fence.epoch), source.done(),
                 target.done(), flags.done(), digest.done(), size.done(), adopted.done());
}

// By "any": a join planned while the table was small would read all of it for every window.
void answer_intents(Transaction& tx, const std::vector<Stored>& stored) {
  ArrayText ids, targets;
  for (const auto& s : stored)
    if (num(s.intent.id) != 0) {
      ids.add(num(s.intent.id));
      targets.add(num(s.target));
    }
  tx.exec_params(
      "update intent set state = 'stored', target_uid = ($2::bigint[])[array_position($1::bigint[], id)] "
      "where id = any($1::bigint[])",
      ids.done(), targets.done());
}

}  // namespace

Task<std::vector<base::IntentId>> open_intents(Pool& pool, Fence fence, FolderKey key,
                                               std::vector<Intent> intents) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    require_writable(tx, fence);
    ArrayText uid, floor, size, date, mid, digest;
    for (const auto& i : intents) {
      uid.add(num(i.source));
      floor.add(num(i.floor));
      size.add(static_cast<std::int64_t>(i.size));
      date.add(i.date.unix_seconds);
      mid.add(i.message_id_hash);
      add_digest(digest, i.digest);
    }
    std::vector<base::IntentId> ids;
    for (const auto& row :
         tx.exec_params(k_open, num(key.folder), num(key.source), num(key.target), num(fence.epoch),
                        uid.done(), floor.done(), size.done(), date.done(), mid.done(), digest.done()))
      ids.push_back(base::IntentId{row[0].as<std::int64_t>()});
    return ids;
  });
}

Task<void> confirm_writable(Pool& pool, Fence fence) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) { require_writable(tx, fence); });
}

Task<void> save_digests(Pool& pool, Fence fence, std::vector<Intent> intents) {
  co_await transact(pool, [&](Transaction& tx) {
    require_writable(tx, fence);
    ArrayText ids, digests;
    for (const auto& i : intents) {
      ids.add(num(i.id));
      add_digest(digests, i.digest);
    }
    tx.exec_params(
        "update intent set digest = ($2::bytea[])[array_position($1::bigint[], id)] where id = "
        "any($1::bigint[])",
        ids.done(), digests.done());
  });
}

Task<std::vector<Intent>> load_intents(Pool& pool, FolderKey key) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    std::vector<Intent> intents;
    for (const auto& row : tx.exec_params(
             // A send that died before its digest was committed is known by the digest of its later copy.
             "select i.id, i.source_uid, i.target_floor, i.size, i.internaldate, i.message_id_hash, "
             "coalesce(i.digest, m.source_digest), "
             "i.state from intent i left join message m using (folder_id, source_uidvalidity, source_uid) "
             "where folder_id = $1 and i.target_uidvalidity = $3 and "
             "(state = 'absent' or (state = 'open' and source_uidvalidity = $2)) order by i.id",
             num(key.folder), num(key.source), num(key.target))) {
      Intent i;
      i.id = base::IntentId{row[0].as<std::int64_t>()};
      i.source = static_cast<Uid>(row[1].as<std::int64_t>());
      i.floor = static_cast<Uid>(row[2].as<std::int64_t>());
      i.size = row[3].as<std::uint64_t>();
      i.date.unix_seconds = row[4].as<std::int64_t>();
      i.message_id_hash = row[5].as<std::int64_t>();
      i.digest = read_digest(row[6]);
      i.state = row[7].as<std::string>();
      intents.push_back(std::move(i));
    }
    return intents;
  });
}

Task<void> save_window(Pool& pool, Fence fence, FolderKey key, WindowResult result) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    require_epoch(tx, fence);
    if (!result.stored.empty()) {
      if (result.stored.front().adopted) drop_orphans(tx, key, result.stored);
      insert_map(tx, key, result.stored);
      answer_intents(tx, result.stored);
      insert_history(tx, fence, key, result);
    }
    set_intents(tx, result.absent, "absent");
    set_intents(tx, result.refused, "refused");
    if (num(result.target_uidnext) != 0)
      tx.exec_params(
          "update folder set target_uidnext = greatest(target_uidnext, $2), target_status = '' where id = $1 "
          "and "
          "target_uidvalidity = $3",
          num(key.folder), num(result.target_uidnext), num(key.target));
    if (!result.stored.empty()) {
      std::uint64_t octets = 0;
      for (const auto& s : result.stored) octets += s.intent.length;
      tx.exec_params(
          "select add_event('message.copied', 'info', '', $1, nullif($2, 0), '', "
          "jsonb_build_object('folder', $3::text, "
          "'messages', $4::bigint, 'octets', $5::bigint, 'adopted', $6::bool))",
          clean_text(result.mailbox_name), num(fence.run), clean_text(result.folder_name),
          static_cast<std::int64_t>(result.stored.size()), static_cast<std::int64_t>(octets),
          result.stored.front().adopted);
    }
  });
}

Task<void> save_lost_sends(Pool& pool, Fence fence, std::vector<base::IntentId> lost,
                           std::vector<base::IntentId> never_begun) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    require_epoch(tx, fence);
    ArrayText ids;
    for (const auto id : lost) ids.add(num(id));
    tx.exec_params("update intent set lost = true where id = any($1::bigint[])", ids.done());
    set_intents(tx, never_begun, "refused");
  });
}

Task<void> spend_late_copy(Pool& pool, Fence fence, FolderKey key, base::IntentId intent, Uid target,
                           std::string folder_name) {
  co_await transact(pool, [&](Transaction& tx) {
    require_epoch(tx, fence);
    tx.exec_params("update intent set state = 'removed', target_uid = $2 where id = $1", num(intent),
                   num(target));
    tx.exec_params(
        "insert into history (link_id, mailbox_id, folder_name, kind, target_uid, target_uidvalidity, "
        "run_id, reason, epoch) "
        "values ($1, $2, $3, 'message.late_copy_removed', $4, $5, nullif($6, 0), $7, $8)",
        num(fence.link), num(fence.mailbox), clean_text(folder_name), num(target), num(key.target),
        num(fence.run), fence.reason, num(fence.epoch));
  });
}

Task<std::size_t> look_for_late_copies(Pool& pool) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    const auto raised = tx.exec(
        "with due as (update intent set looks = looks + 1 where state = 'absent' and looks < 9 "
        "and sent_at + make_interval(secs => 10 * power(2, looks)) <= now() returning folder_id) "
        "insert into dirty (mailbox_id, generation, cause, class) "
        "select m.id, nextval('dirty_generation'), 'late', 0 from mailbox m where m.participates and exists "
        "(select 1 from due join folder f on f.id = due.folder_id where f.mailbox_id = m.id) "
        "on conflict (mailbox_id) do update set generation = excluded.generation, last_seen = now(), "
        "due_at = least(dirty.due_at, now())");
    if (raised.affected_rows() > 0) tx.exec("select pg_notify('mirrord_wake', 'dirty')");
    return static_cast<std::size_t>(raised.affected_rows());
  });
}

}  // namespace mirror::db
