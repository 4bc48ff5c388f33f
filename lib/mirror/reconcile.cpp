// SPDX-License-Identifier: Apache-2.0
#include "mirror/reconcile.hpp"

#include "base/fault.hpp"
#include "base/log.hpp"
#include "db/guard.hpp"
#include "mirror/quarantine.hpp"

namespace mirror::engine {

namespace {

// Messages whose deletion is held are there again: a folder that came back as it was has the status it had.
bool shows_what_is_held(const FolderWork& folder) {
  const auto& row = folder.row;
  return !row.held.empty() &&
         folder.source_messages + row.held.count() > row.mapped + row.quarantined.count();
}

// Nothing happened on either side since the last complete pass, as both servers say; no command beyond the
// LIST.
bool unchanged(const Pass& pass, const FolderWork& folder) {
  const auto& row = folder.row;
  // The look after an event trusts no STATUS, which may lag behind the server's own notification.
  constexpr std::size_t k_few_folders = 64;
  if (pass.item.cause == "echo" && pass.folders.size() <= k_few_folders) return false;
  return !pass.full && row.memory && row.open_intents == 0 && row.orphans.empty() && row.due.empty() &&
         !shows_what_is_held(folder) && !folder.source_status.empty() && !folder.target_status.empty() &&
         row.source_status == folder.source_status && row.target_status == folder.target_status &&
         row.subscribed == folder.source.subscribed;
}

base::UidSet without(const base::UidSet& all, const base::UidSet& less) {
  base::UidSet out;
  for (const auto uid : all.expand(all.count()).value_or(std::vector<base::Uid>{}))
    if (!less.contains(uid)) out.add(uid);
  return out;
}

// What production shows again needs no deletion any more, held or released: should it go later, that is
// another deletion.
Task<void> forget_recovered(Pass& pass, FolderWork& folder) {
  auto& row = folder.row;
  if ((row.held.empty() && row.released.empty()) || !folder.source_view.complete || pass.dry_run) co_return;
  base::UidSet back;
  for (const auto& message : folder.source_view.messages)
    if (row.held.contains(message.uid) || row.released.contains(message.uid)) back.add(message.uid);
  if (back.empty()) co_return;
  row.held = without(row.held, back);
  row.released = without(row.released, back);
  co_await db::drop_held(pass.world.pool, folder.key(), std::move(back));
}

// Drift: somebody deleted on the target what production still has. What goes again and again is not sent
// again and again.
Task<void> copy_lost_again(Pass& pass, FolderWork& folder) {
  if (folder.plan.lost.empty()) co_return;
  std::vector<db::RemovalResult> lost;
  for (const auto& one : std::exchange(folder.plan.lost, {})) {
    lost.push_back({one.source, one.target});
    folder.plan.copy.push_back(one.source);
  }
  std::sort(folder.plan.copy.begin(), folder.plan.copy.end());
  pass.counts.lost += lost.size();
  folder.row.mapped -= std::min<std::uint64_t>(folder.row.mapped, lost.size());
  if (pass.dry_run) co_return;
  std::vector<db::Quarantined> rows;
  for (const auto& [source, times] : co_await db::save_lost(pass.world.pool, pass.fence, folder.key(),
                                                            folder.row.target_name, std::move(lost))) {
    if (times < db::k_not_kept_attempts) continue;
    rows.push_back(quarantine_row(folder, source, "not_kept", Failure("MRD-MIR-003", ""), ""));
    rows.back().attempts = times;
    std::erase(folder.plan.copy, source);
  }
  co_await quarantine_rows(pass, folder, std::move(rows));
}

Task<void> sync_folder(Pass& pass, FolderWork& folder) {
  if (!co_await look_at(pass, folder, pass.full)) {
    pass.unjudged = true;
    co_return;
  }
  co_await forget_recovered(pass, folder);
  // Before the look for copies: a row may be wrong about its UID alone.
  co_await copy_lost_again(pass, folder);
  const auto adopted_before = pass.counts.adopted;
  co_await adopt(pass, folder);
  // What was adopted may differ in flags: plan again from a complete look.
  if (pass.counts.adopted != adopted_before && !pass.dry_run && !co_await look_at(pass, folder, true))
    co_return;
  if (!folder.plan.released.empty() && !pass.dry_run) {
    co_await db::release_quarantine(pass.world.pool, folder.row.id, "message", folder.row.source_uidvalidity,
                                    folder.plan.released);
    co_await db::release_quarantine(pass.world.pool, folder.row.id, "not_kept", folder.row.source_uidvalidity,
                                    folder.plan.released);
  }
  co_await copy_messages(pass, folder);
  co_await apply_flags(pass, folder);
  folder.removals = std::exchange(folder.plan.remove, {});
  co_await find_orphans(pass, folder);
}

// One folder's trouble never stops the others; a store's does.
Task<void> sync_folder_guarded(Pass& pass, FolderWork& folder) {
  try {
    co_await sync_folder(pass, folder);
  } catch (const base::Failed& failed) {
    const auto scope = failed.failure().scope();
    if (scope == base::Scope::store || scope == base::Scope::process || scope == base::Scope::mailbox) throw;
    folder.trouble = pass.unjudged = true;
    pass.note(failed.failure());
  }
}

db::Checkpoint checkpoint_of(const FolderWork& folder) {
  db::Checkpoint c;
  c.folder = folder.row.id;
  c.source_uidvalidity = folder.source_view.uidvalidity;
  c.source_uidnext = folder.source_view.uidnext;
  c.source_modseq = folder.source_view.modseq;
  c.source_exists = folder.source_view.exists;
  c.target_uidvalidity = folder.target_view.uidvalidity;
  c.target_uidnext = folder.target_view.uidnext;
  c.target_modseq = folder.target_view.modseq;
  c.target_exists = folder.target_view.exists;
  c.source_status = folder.source_status;
  c.target_status = folder.target_status;
  c.mailboxid = folder.source.mailboxid;
  c.special_use = folder.source.special_use;
  c.subscribed = folder.source.subscribed;
  c.greetings = folder.row.greetings;
  return c;
}

Task<void> save_checkpoints(Pass& pass, bool settled) {
  std::vector<db::Checkpoint> checkpoints;
  for (const auto& folder : pass.folders)
    if (folder.looked && !folder.trouble) checkpoints.push_back(checkpoint_of(folder));
  base::fault_point("checkpoint");
  const bool judged = settled && !pass.unjudged && !pass.again;
  co_await db::save_checkpoints(pass.world.pool, pass.fence, std::move(checkpoints), judged);
}

Task<Borrowed> borrow(World& world, base::StoreId store, std::string owner) {
  auto borrowed = co_await world.sessions.borrow(store, owner);
  if (!borrowed) throw base::Failed(borrowed.error());
  co_return std::move(*borrowed);
}

// A folder of greetings counts whole, as the profile says now; of the others what was judged when it was
// copied.
Task<db::MailboxTotals> totals_of(Pass& pass) {
  db::MailboxTotals totals;
  std::map<base::FolderId, std::int64_t> greetings;
  if (!pass.source.store().profile.greeting_rule.empty())
    greetings = co_await db::count_greetings(pass.world.pool, pass.item.mailbox);
  for (const auto& folder : pass.folders) {
    const auto mapped = static_cast<std::int64_t>(folder.row.mapped);
    totals.source_messages += folder.looked ? static_cast<std::int64_t>(folder.source_view.exists) : mapped;
    totals.target_messages += mapped;
    totals.greetings += folder.row.greetings ? mapped : greetings[folder.row.id];
    totals.octets += static_cast<std::int64_t>(folder.row.octets);
  }
  totals.octets += static_cast<std::int64_t>(pass.counts.octets);
  co_return totals;
}

// Appends first, everywhere; then the source is asked again whether anything came meanwhile; only then
// deletions.
Task<bool> run_pass(Pass& pass) {
  constexpr int k_rounds = 3;
  bool settled = false;
  for (auto& folder : pass.folders) folder.wanted = !unchanged(pass, folder);
  for (int round = 0; round < k_rounds && !settled; ++round) {
    for (auto& folder : pass.folders) {
      if (!folder.wanted || !folder.target_exists) continue;
      folder.wanted = false;
      co_await sync_folder_guarded(pass, folder);
    }
    co_await plan_vanished(pass);
    const bool removals =
        !pass.vanished.empty() || std::any_of(pass.folders.begin(), pass.folders.end(),
                                              [](const auto& f) { return f.wants_removals(); });
    settled = !removals || !co_await source_grew(pass);
    if (!settled)
      std::erase_if(pass.folders, [](const auto& f) { return !f.looked && f.source.name.empty(); });
  }
  if (!settled) {
    // The checkpoint must not pass deletions that were not made: the next pass has to see them again (law 8).
    for (auto& folder : pass.folders) folder.trouble = folder.trouble || folder.wants_removals();
    co_return false;
  }
  co_await apply_removals(pass);
  co_await remove_foreign(pass);
  co_await remove_vanished(pass);
  co_return true;
}

// Folders were made, renamed or removed since this was asked last; not those of a first copy, of which nobody
// has listed anything before.
void note_folder_changes(Pass& pass) {
  const auto& c = pass.counts;
  const auto changes = c.folders_created + c.folders_renamed + c.folders_removed;
  if (pass.dry_run || pass.records.empty() || changes == pass.folder_changes_noted) return;
  pass.folder_changes_noted = changes;
  pass.world.folder_changes.seen(pass.item.mailbox, pass.world.clock.now() + 2 * pass.world.settings.echo);
}

// A session that was open when folders changed may list what it knew before: none is kept.
bool leave_sessions_of_before(Pass& pass) {
  if (!pass.world.folder_changes.settling(pass.item.mailbox, pass.world.clock.now())) return false;
  pass.source.drop();
  pass.target.drop();
  pass.world.sessions.forget(pass.item.source_store, pass.item.name);
  pass.world.sessions.forget(pass.item.target_store, pass.item.target_name);
  return true;
}

}  // namespace

Task<db::StepId> Pass::open_step(base::FolderId folder, std::string kind, std::string detail) {
  const auto asked = world.clock.now();
  const auto step = co_await db::open_step(world.pool, fence, folder, std::move(kind), std::move(detail));
  base::fault_point("step.committed");
  permitted_at = asked;
  co_return step;
}

Task<void> Pass::ensure_permitted() {
  if (may_send()) co_return;
  const auto asked = world.clock.now();
  co_await db::confirm_writable(world.pool, fence);
  permitted_at = asked;
  if (!may_send()) too_late();
}

void Pass::too_late() {
  target.drop();
  throw base::Failed(
      Failure("MRD-MIR-006", fmt::format("mailbox {}: a commit became too old to act on", item.name)));
}

Task<PassResult> reconcile(World& world, db::WorkItem item, bool dry_run) {
  Pass pass(world, std::move(item));
  pass.dry_run = dry_run;
  pass.full = pass.item.full_compare;
  pass.link = world.book.link(pass.item.link);
  if (!pass.link) {  // applied a moment ago: its work came before the news of it
    co_await world.book.reload();
    pass.link = world.book.link(pass.item.link);
  }
  if (!pass.link) throw base::Failed(Failure("MRD-CONF-004", fmt::format("link {}", pass.item.link)));
  pass.fence.mailbox = pass.item.mailbox;
  pass.fence.link = pass.item.link;
  pass.fence.epoch = pass.item.epoch;
  pass.fence.reason = pass.item.cause;
  pass.fence.lease_left = 2 * world.settings.send_within;
  // What a session of before lists may be older than what the store has: a complete compare trusts none.
  if (pass.full || pass.item.cause == "echo") world.sessions.forget(pass.item.source_store, pass.item.name);
  if (pass.full) world.sessions.forget(pass.item.target_store, pass.item.target_name);
  pass.source = co_await borrow(world, pass.item.source_store, pass.item.name);
  pass.target = co_await borrow(world, pass.item.target_store, pass.item.target_name);
  auto start = co_await db::begin_pass(world.pool, pass.fence, dry_run);
  pass.records = std::move(start.folders);
  // A pass that was taken before its run marked it compares less than the run asks for.
  if (pass.full) pass.fence.run = start.run;

  co_await gather_folders(pass);
  note_folder_changes(pass);  // also when the pass does not come to its end
  co_await settle_subscriptions(pass);
  const bool settled = co_await run_pass(pass);
  if (!dry_run) co_await save_checkpoints(pass, settled);

  const auto totals = co_await totals_of(pass);
  note_folder_changes(pass);
  const bool settling = leave_sessions_of_before(pass);
  // What one session sees may be stale (a folder renamed elsewhere): the next pass asks with a fresh one.
  if (pass.soft_failure || pass.again) {
    pass.source.drop();
    pass.target.drop();
  }
  PassResult result;
  result.counts = pass.counts;
  result.run = pass.fence.run;
  result.totals = totals;
  result.complete = pass.full && !pass.soft_failure;
  result.again = !settled || pass.again;
  result.again_full = pass.again_full;
  result.look_again = settling;
  result.failure = pass.soft_failure;
  co_return result;
}

}  // namespace mirror::engine
