// SPDX-License-Identifier: Apache-2.0
#include "db/view_guard.hpp"

#include <map>

#include "db/faces_detail.hpp"

namespace mirror::db {

namespace {

using Why = Refused::Why;

const char* const k_held_from =
    "from held_deletion h join folder f on f.id = h.folder_id join mailbox m on m.id = f.mailbox_id "
    "join link l on l.id = m.link_id where h.released_at is null ";

// After a failover production is not what DR should become.
void require_release_allowed(Transaction& tx) {
  const auto state = tx.exec1("select state from site for share")[0].as<std::string>();
  if (state != "mirroring" && state != "suspended")
    throw Refused(
        Why::wrong_state,
        fmt::format("the site is {}: held deletions are released while mirroring or suspended", state));
}

bool is_mask(const std::string& name) {
  return name.find_first_of("*?") != std::string::npos;
}

// An array of their ids. A mask says less than a name: only who has counted what it lets go may use it.
std::string mailboxes_of(Transaction& tx, const GuardRelease& release) {
  ArrayText ids;
  if (!is_mask(release.mailbox)) {
    ids.add(mailbox_id(tx, release.link, release.mailbox));
    return ids.done();
  }
  if (release.expected == 0)
    throw Refused(Why::invalid,
                  "a mask of mailboxes needs the number of deletions that are to go (expected)");
  for (const auto& row : tx.exec_params("select m.id from mailbox m join link l on l.id = m.link_id where "
                                        "m.name ~ $1 and ($2 = '' or l.name = $2)",
                                        mask_to_regex(clean_text(release.mailbox)), clean_text(release.link)))
    ids.add(row[0].as<std::int64_t>());
  return ids.done();
}

// An event for each mailbox, and each is compared in full.
void tell_released(Transaction& tx, const std::map<std::int64_t, std::int64_t>& counts,
                   const GuardRelease& release, const Actor& actor) {
  ArrayText ids, numbers;
  std::vector<std::int64_t> mailboxes;
  for (const auto& [id, number] : counts) {
    ids.add(id);
    mailboxes.push_back(id);
    numbers.add(number);
  }
  const std::string id_array = ids.done(), number_array = numbers.done();
  compare_soon(tx, mailboxes, "guard.release");
  tx.exec_params(
      "select add_event('guard.released', 'warning', '', m.name, null, $3, jsonb_build_object('deletions', "
      "x.deletions, 'folder', $4::text, 'reason', $5::text)) from unnest($1::bigint[], $2::bigint[]) "
      "x(id, deletions) join mailbox m on m.id = x.id",
      id_array, number_array, clean_text(actor.who), clean_text(release.folder), clean_text(release.reason));
}

}  // namespace

Task<Json> list_guard(Pool& pool, std::string mask, int offset, int limit) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::string regex = mask_to_regex(clean_text(mask.empty() ? "*" : mask));
    const std::string from = std::string(k_held_from) + "and m.name ~ $1 ";
    const Json total = json_of(tx, "select to_json(count(distinct f.id)) " + from, regex);
    const Json items =
        array_of(tx,
                 "select l.name as link, m.name as mailbox, f.source_name as folder, count(*) as "
                 "deletions, min(h.scope) as scope, min(h.reason) as reason, @min(h.held_at)@ as since, "
                 "@min(h.due_at)@ as due " +
                     from +
                     "group by l.name, m.name, f.source_name order by m.name, f.source_name "
                     "offset $2 limit $3",
                 regex, offset, limit);
    const Json deletions = json_of(tx, "select to_json(count(*)) " + from, regex);
    return Json(fmt::format("{{\"total\":{},\"deletions\":{},\"items\":{}}}", total, deletions, items));
  });
}

Task<Json> show_guard(Pool& pool, std::string link, std::string mailbox, int offset, int limit) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::int64_t id = mailbox_id(tx, link, mailbox);
    const std::string from = std::string(k_held_from) + "and m.id = $1 ";
    const Json total = json_of(tx, "select to_json(count(*)) " + from, id);
    const Json items =
        array_of(tx,
                 "select f.source_name as folder, h.source_uid, h.target_uid, @h.held_at@ as since, "
                 "@h.due_at@ as due, "
                 "h.reason, "
                 "(select x.size from message x where x.folder_id = h.folder_id and x.source_uidvalidity = "
                 "h.source_uidvalidity and x.source_uid = h.source_uid) as size, "
                 "(select @to_timestamp(x.internaldate)@ from message x where x.folder_id = h.folder_id and "
                 "x.source_uidvalidity = "
                 "h.source_uidvalidity and x.source_uid = h.source_uid) as internaldate " +
                     from + "order by f.source_name, h.source_uid offset $2 limit $3",
                 id, offset, limit);
    return Json(fmt::format("{{\"total\":{},\"items\":{}}}", total, items));
  });
}

Task<Json> release_guard(Pool& pool, GuardRelease release, Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    require_release_allowed(tx);
    const std::string mailboxes = mailboxes_of(tx, release);
    const auto rows = tx.exec_params(
        "update held_deletion h set released_at = now() from folder f where f.id = h.folder_id and "
        "f.mailbox_id = any($1::bigint[]) and h.released_at is null and ($2 = '' or f.source_name = $2) and "
        "($3 = 0 or h.source_uid = $3) returning f.mailbox_id",
        mailboxes, clean_text(release.folder), release.source_uid);
    const auto released = static_cast<std::int64_t>(rows.size());
    if (released == 0) throw Refused(Why::not_found, "no held deletion is like that");
    if (release.expected != 0 && release.expected != released)
      throw Refused(Why::stale, fmt::format("{} deletions are held there now, not {}: look at them again",
                                            released, release.expected));
    std::map<std::int64_t, std::int64_t> counts;
    for (const auto& row : rows) ++counts[row[0].as<std::int64_t>()];
    tell_released(tx, counts, release, actor);
    audit(tx, actor, "guard.release", release.mailbox, "{}", clean_text(release.reason));
    return Json(fmt::format("{{\"released\":{},\"mailboxes\":{}}}", released, counts.size()));
  });
}

}  // namespace mirror::db
