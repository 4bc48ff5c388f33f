// SPDX-License-Identifier: Apache-2.0
// Folders that are gone from the source: each is asked whether it is, then what we mirrored is expunged, and
// the folder goes only if nothing else is in it.

#include "base/fault.hpp"
#include "db/quarantine.hpp"
#include "mirror/folder_steps.hpp"
#include "mirror/step_detail.hpp"

namespace mirror::engine {

namespace {

bool has_children(const Pass& pass, const std::string& name) {
  const std::string prefix = name + pass.target_delimiter;
  return std::any_of(pass.on_target.begin(), pass.on_target.end(),
                     [&](const auto& f) { return f.name.starts_with(prefix); }) ||
         std::any_of(pass.folders.begin(), pass.folders.end(),
                     [&](const auto& f) { return f.row.target_name.starts_with(prefix); });
}

// Law 5: a LIST without it is not enough; the folder itself has to say that it does not exist.
Task<bool> says_it_is_gone(imap::Session& session, const std::string& name) {
  const auto status = co_await session.status(name);
  if (status) co_return false;
  const auto code = status.error().code();
  if (code == "MRD-IMAP-016") co_return true;
  // A server without response codes: a second complete LIST that still does not name it.
  if (code != "MRD-IMAP-004" && code != "MRD-IMAP-025") co_return false;
  const auto listed = co_await session.list(false);
  co_return listed&& std::none_of(listed->begin(), listed->end(),
                                  [&](const auto& f) { return f.name == name && f.selectable(); });
}

// A send that was not recorded before the folder went is ours all the same: the ledger names it.
Task<void> adopt_what_was_sent(Pass& pass, FolderWork& folder) {
  if (pass.dry_run) co_return;
  try {
    if (co_await look_for_strangers(pass, folder)) co_await adopt(pass, folder);
  } catch (const base::Failed& failed) {
    const auto scope = failed.failure().scope();
    if (scope == base::Scope::store || scope == base::Scope::process || scope == base::Scope::mailbox) throw;
    pass.note(failed.failure());
  }
}

// Should it not succeed, the next pass finds the folder under its holding name.
Task<void> give_name_back(Pass& pass, const std::string& name, const std::string& own) {
  if (name == own) co_return;
  co_await pass.ensure_permitted();
  (void)co_await pass.target->rename(name, own);
}

// RENAME to a holding name and a second look close the gap in which somebody else delivers before DELETE.
Task<bool> delete_folder(Pass& pass, const db::FolderRecord& record) {
  std::string name = record.target_name;
  const std::string holding = holding_name(record.id);
  const bool leaves = name != holding && !has_children(pass, name);
  const auto step = co_await pass.open_step(record.id, "folder.delete", folders_detail({name}));
  base::fault_point("folder.delete");
  if (leaves) {
    co_await pass.ensure_permitted();
    const auto renamed = co_await pass.target->rename(name, holding);
    if (renamed.ok()) name = holding;
    base::fault_point("folder.leaving");
  }
  const auto selected = co_await pass.target->select(name, true);
  // 0: made by us and never looked into before it went.
  const bool ours =
      selected && selected->exists == 0 &&
      (selected->uidvalidity == record.target_uidvalidity || base::raw(record.target_uidvalidity) == 0);
  co_await pass.target->unselect();
  if (!ours) {
    co_await give_name_back(pass, name, record.target_name);
    co_await db::close_step(pass.world.pool, step);
    co_return false;
  }
  co_await pass.ensure_permitted();
  const auto reply = co_await pass.target->remove(name);
  base::fault_point("folder.deleted");
  if (!reply.ok() && reply.code != "NONEXISTENT") {
    co_await give_name_back(pass, name, record.target_name);
    co_await db::close_step(pass.world.pool, step);
    pass.note_refusal(imap::failure_of(reply, "DELETE", record.target_name));
    co_return false;
  }
  // The subscription is not ours to drop: it may outlive the folder on production, too.
  co_await db::close_step(pass.world.pool, step);
  co_return true;
}

// Somebody else's messages are in it: the folder stays, said once, and is not ours any more.
Task<void> report_left(Pass& pass, const db::FolderRecord& record) {
  db::Quarantined row;
  row.folder_name = record.source_name;
  row.kind = "folder";
  row.code = "MRD-MIR-012";
  row.wanted = record.target_name;
  std::vector<db::Quarantined> rows;
  rows.push_back(std::move(row));
  co_await db::quarantine(pass.world.pool, pass.item.mailbox, std::move(rows));
  ++pass.counts.quarantined;
}

}  // namespace

Task<bool> gone_from_target(Pass& pass, const std::string& name) {
  if (find_on_target(pass, name) != nullptr || pass.away.contains(name)) co_return false;
  co_return co_await says_it_is_gone(*pass.target, name);
}

Task<void> plan_vanished(Pass& pass) {
  if (pass.vanished.empty()) co_return;
  const auto records = co_await db::load_folders(pass.world.pool, pass.item.mailbox);
  std::vector<plan::FolderRow> gone;
  for (const auto& row : pass.vanished) {
    const auto record =
        std::find_if(records.begin(), records.end(), [&](const auto& r) { return r.id == row.id; });
    if (record == records.end()) continue;
    // Nobody can delete INBOX (RFC 9051 6.3.5).
    if (plan::is_inbox(row.source_name) || !co_await says_it_is_gone(*pass.source, row.source_name)) {
      pass.note(Failure("MRD-MIR-024", record->source_name));
      pass.unjudged = true;
      continue;
    }
    gone.push_back(row);
    FolderWork folder;
    folder.row = *record;
    co_await adopt_what_was_sent(pass, folder);
    for (const auto& mapped : co_await db::load_rows(pass.world.pool, folder.key()))
      folder.removals.push_back({mapped.source, mapped.target});
    co_await find_orphans(pass, folder);
    folder.trouble = true;  // no checkpoint for a folder that goes
    if (folder.wants_removals()) pass.folders.push_back(std::move(folder));
  }
  pass.vanished = std::move(gone);
}

namespace {

// Of what is left in it something is held, under this source UIDVALIDITY or an earlier one.
Task<bool> waits_for_a_person(Pass& pass, const db::FolderRecord& record) {
  if (!record.held.empty()) co_return true;
  if (record.orphans.empty()) co_return false;
  const auto orphans = co_await db::load_orphans(
      pass.world.pool, {record.id, record.source_uidvalidity, record.target_uidvalidity});
  co_return std::any_of(orphans.begin(), orphans.end(), [](const auto& orphan) { return orphan.held; });
}

}  // namespace

Task<void> remove_vanished(Pass& pass) {
  if (pass.vanished.empty()) co_return;
  const auto records = co_await db::load_folders(pass.world.pool, pass.item.mailbox);
  // Children before parents.
  auto rows = pass.vanished;
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.target_name.size() > b.target_name.size(); });
  for (const auto& row : rows) {
    const auto record =
        std::find_if(records.begin(), records.end(), [&](const auto& r) { return r.id == row.id; });
    if (record == records.end() || plan::is_inbox(row.source_name)) continue;
    if (pass.dry_run) {
      ++pass.counts.folders_removed;
      continue;
    }
    // Held messages keep their folder until an operator decides. Anything else left here is said and tried
    // again.
    const bool holds_ours = record->mapped > 0 || !record->orphans.empty();
    if (holds_ours && (pass.counts.held > 0 || co_await waits_for_a_person(pass, *record))) continue;
    if (holds_ours || !co_await says_it_is_gone(*pass.source, row.source_name)) {
      pass.note(Failure("MRD-MIR-013", record->source_name));
      continue;
    }
    const bool listed = std::any_of(pass.on_target.begin(), pass.on_target.end(),
                                    [&](const auto& f) { return f.name == row.target_name && f.selectable; });
    if (listed && !co_await delete_folder(pass, *record)) co_await report_left(pass, *record);
    co_await db::remove_folder(pass.world.pool, pass.fence, *record);
    ++pass.counts.folders_removed;
    std::erase_if(pass.on_target, [&](const auto& f) { return f.name == row.target_name; });
  }
}

}  // namespace mirror::engine
