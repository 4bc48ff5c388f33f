// SPDX-License-Identifier: Apache-2.0
// Copying what a folder lacks: facts, windows, answers; what a server refuses is isolated and quarantined, so
// that one message never stops the rest (law 6).

#include "base/fault.hpp"
#include "mirror/blame.hpp"
#include "mirror/copy_window.hpp"
#include "mirror/facts.hpp"
#include "mirror/quarantine.hpp"
#include "mirror/read_back.hpp"

namespace mirror::engine {

namespace {

constexpr std::size_t k_facts_at_once = 2000;

Task<void> record(Pass& pass, FolderWork& folder, WindowOutcome& outcome) {
  // First what was refused or never sent: left open by a death just now it could explain somebody's copy.
  db::WindowResult refused;
  for (const auto& intent : outcome.gone) {
    refused.refused.push_back(intent.id);
    if (!outcome.refusal && !outcome.refusals.contains(intent.source)) folder.unread.add(intent.source);
  }
  if (!refused.refused.empty())
    co_await db::save_window(pass.world.pool, pass.fence, folder.key(), std::move(refused));
  co_await read_back(pass, folder, outcome);
  db::WindowResult result;
  result.folder_name = folder.row.target_name;
  result.mailbox_name = pass.item.name;
  result.stored = outcome.stored;
  base::Uid highest{};
  for (const auto& s : outcome.stored) {
    highest = std::max(highest, s.target);
    pass.counts.octets += s.intent.length;
    pass.added.push_back(s.intent.digest);
  }
  // Lower than this it can never be again: a target that says so was put back from an old copy (law 8).
  if (!outcome.stored.empty()) {
    result.target_uidnext = base::Uid{base::raw(highest) + 1};
    folder.forget_target_status();
  }
  pass.counts.copied += outcome.stored.size();
  folder.row.mapped += outcome.stored.size();
  co_await db::save_window(pass.world.pool, pass.fence, folder.key(), std::move(result));
  base::fault_point("window.saved");
}

// Some servers say [LIMIT] of one message that is too large, others of a mailbox that is full: the first few
// are taken for the message's own fault, so that one message never stops the rest.
constexpr std::size_t k_limits_of_messages = 10;

// A refusal with a scope wider than the message ends the folder (or the store) for now.
void raise_wide(const imap::Reply& refusal, FolderWork& folder) {
  const Failure failure = imap::failure_of(refusal, "APPEND", folder.row.target_name);
  if (failure.scope() == base::Scope::message) return;
  if (failure.code() == "MRD-IMAP-026" && folder.limit_refusals < k_limits_of_messages) return;
  throw base::Failed(failure);
}

db::Quarantined refused_row(FolderWork& folder, const plan::CopyItem& item, const imap::Reply& refusal) {
  auto failure = imap::failure_of(refusal, "APPEND", folder.row.target_name);
  if (failure.code() == "MRD-IMAP-026") {
    ++folder.limit_refusals;
    failure = Failure("MRD-IMAP-014", failure.detail());
  }
  auto row = quarantine_row(folder, item.source, "message", failure, refusal.text);
  row.size = item.size;
  return row;
}

// What was sent and is still not there; before it is asked, what the target got meanwhile is matched.
Task<std::optional<std::set<base::Uid>>> still_missing(Pass& pass, FolderWork& folder,
                                                       const WindowOutcome& outcome) {
  std::set<base::Uid> missing;
  if (outcome.unresolved.empty()) co_return missing;
  const auto planned = folder.plan.copy;
  folder.row.open_intents = outcome.unresolved.size();
  if (!co_await look_at(pass, folder, false)) co_return std::nullopt;
  co_await adopt(pass, folder);
  base::fault_point("window.resolved");
  const std::set<base::Uid> wanted(folder.plan.copy.begin(), folder.plan.copy.end());
  for (const auto& intent : outcome.unresolved)
    if (wanted.contains(intent.source)) missing.insert(intent.source);
  folder.plan.copy = planned;
  co_return missing;
}

// Each was an APPEND of its own. What was refused waits in quarantine, unless it is there all the same.
Task<void> settle_apart(Pass& pass, FolderWork& folder, const std::vector<plan::CopyItem>& items,
                        const WindowOutcome& outcome) {
  const auto missing = co_await still_missing(pass, folder, outcome);
  if (!missing) co_return;
  std::set<base::Uid> sent;
  for (const auto& intent : outcome.unresolved) sent.insert(intent.source);
  std::vector<db::Quarantined> rows;
  std::exception_ptr wide;
  for (const auto& item : items) {
    const auto refusal = outcome.refusals.find(item.source);
    const bool lacks = missing->contains(item.source);
    if (refusal == outcome.refusals.end() && lacks)  // the server says OK and keeps nothing
      rows.push_back(quarantine_row(folder, item.source, "not_kept", Failure("MRD-MIR-003", ""), ""));
    if (refusal == outcome.refusals.end() || (sent.contains(item.source) && !lacks)) continue;
    try {
      raise_wide(refusal->second, folder);
    } catch (const base::Failed&) {
      wide = std::current_exception();
      break;
    }
    rows.push_back(refused_row(folder, item, refusal->second));
  }
  co_await quarantine_rows(pass, folder, std::move(rows));
  if (wide) std::rethrow_exception(wide);
}

// So that one message that is refused does not take the others along.
Task<void> send_apart(Pass& pass, FolderWork& folder, std::vector<plan::CopyItem> items) {
  if (items.empty()) co_return;
  auto outcome = co_await send_window(pass, folder, items, false);
  co_await record(pass, folder, outcome);
  co_await settle_apart(pass, folder, items, outcome);
}

// A message at which a server ends the connection each time is known when it was sent alone: then it waits
// like one that is not kept (quarantine_sends), and the rest goes on.
Task<void> count_lost_send(Pass& pass, FolderWork& folder, const plan::CopyItem& item,
                           const Failure& failure) {
  auto row = quarantine_row(folder, item.source, "not_kept", failure, failure.detail());
  row.size = item.size;
  row.attempts = item.tries + 1;
  co_await quarantine_rows(pass, folder, {std::move(row)});
}

Task<WindowOutcome> send_or_count(Pass& pass, FolderWork& folder, std::vector<plan::CopyItem> items) {
  std::optional<base::Failed> lost;
  try {
    co_return co_await send_window(pass, folder, items, items.size() > 1);
  } catch (const base::Failed& failed) {
    if (items.size() > 1 || !ends_session(failed.failure())) throw;
    lost = failed;
  }
  co_await count_lost_send(pass, folder, items.front(), lost->failure());
  throw *lost;
}

Task<void> copy_window(Pass& pass, FolderWork& folder, std::vector<plan::CopyItem> items) {
  auto outcome = co_await send_or_count(pass, folder, items);
  co_await record(pass, folder, outcome);
  if (!outcome.multi) {
    co_await settle_apart(pass, folder, items, outcome);
    co_return;
  }
  if (!outcome.refusal && outcome.unresolved.empty()) co_return;
  // After a NO, or an OK without usable UIDs: look what is there, then send the rest one by one.
  const auto missing = co_await still_missing(pass, folder, outcome);
  if (!missing) co_return;
  if (outcome.refusal) raise_wide(*outcome.refusal, folder);
  std::set<base::Uid> settled;
  for (const auto& one : outcome.stored) settled.insert(one.intent.source);
  for (const auto& intent : outcome.unresolved)
    if (!missing->contains(intent.source)) settled.insert(intent.source);
  std::erase_if(items, [&](const auto& item) { return settled.contains(item.source); });
  co_await send_apart(pass, folder, std::move(items));
}

base::UidSet not_given(base::UidSet asked, const std::vector<plan::CopyItem>& items) {
  std::set<base::Uid> given;
  for (const auto& item : items) given.insert(item.source);
  base::UidSet out;
  for (const auto uid : asked.expand(k_facts_at_once).value_or(std::vector<base::Uid>{}))
    if (!given.contains(uid)) out.add(uid);
  return out;
}

// Larger than the target says it takes: not sent at all.
Task<void> set_aside(Pass& pass, FolderWork& folder, std::vector<plan::CopyItem>& window,
                     std::uint64_t limit) {
  imap::Reply refusal;
  refusal.status = imap::Reply::Status::no;
  refusal.code = "TOOBIG";
  refusal.text = fmt::format("larger than the server's APPENDLIMIT of {}", limit);
  std::vector<db::Quarantined> rows;
  for (const auto& item : window)
    if (item.size > limit) rows.push_back(refused_row(folder, item, refusal));
  std::erase_if(window, [&](const auto& item) { return item.size > limit; });
  co_await quarantine_rows(pass, folder, std::move(rows));
}

Task<void> copy_these(Pass& pass, FolderWork& folder, std::vector<base::Uid> todo) {
  const auto rule = folder.row.greetings ? plan::GreetingRule{} : pass.source.store().profile.greeting_rule;
  for (std::size_t at = 0; at < todo.size(); at += k_facts_at_once) {
    const auto end = std::min(todo.size(), at + k_facts_at_once);
    base::UidSet uids;
    for (std::size_t i = at; i < end; ++i) uids.add(todo[i]);
    auto [items, another] = co_await read_facts_and_witness(pass, folder, uids, rule);
    if (another) {  // what is mapped is not what is there: a complete compare first
      folder.trouble = true;
      pass.again = pass.again_full = true;
      co_return;
    }
    const auto missing = not_given(std::move(uids), items);  // named: its ranges would not outlive it
    for (const auto& range : missing.ranges())
      folder.unread.add(base::Uid{range.first}, base::Uid{range.second});
    const auto limit = pass.target->append_limit();
    for (auto& item : items)
      item.tries = folder.row.tried_again.contains(item.source) ? 2
                   : folder.row.tried.contains(item.source)     ? 1
                                                                : 0;
    for (auto& window : plan::cut_windows(std::move(items), pass.world.settings.window)) {
      if (limit) co_await set_aside(pass, folder, window, *limit);
      if (!window.empty()) co_await copy_window(pass, folder, std::move(window));
    }
  }
}

// Asked for, and not given though the source said OK: gone meanwhile, or it cannot read the message. What it
// still has is asked for once more; then it waits in quarantine, for the next look would begin behind it.
Task<void> settle_unread(Pass& pass, FolderWork& folder) {
  if (folder.unread.empty()) co_return;
  const auto there = co_await pass.source->search_all();
  if (!there) throw base::Failed(there.error());
  const auto unread = std::exchange(folder.unread, {});
  std::vector<base::Uid> again;
  // What was asked for is counted; what a server claims to have may be any range.
  for (const auto uid : unread.expand(unread.count()).value_or(std::vector<base::Uid>{}))
    if (there->contains(uid)) again.push_back(uid);
  if (again.empty()) co_return;
  co_await copy_these(pass, folder, again);
  std::vector<db::Quarantined> rows;
  for (const auto uid : again)
    if (folder.unread.contains(uid))
      rows.push_back(quarantine_row(folder, uid, "message", Failure("MRD-MIR-016", ""), ""));
  co_await quarantine_rows(pass, folder, std::move(rows));
}

}  // namespace

Task<void> copy_messages(Pass& pass, FolderWork& folder) {
  auto todo = std::exchange(folder.plan.copy, {});
  if (todo.empty()) co_return;
  if (pass.dry_run) {
    pass.counts.copied += todo.size();
    co_return;
  }
  if (!folder.row.memory && folder.target_view.exists == 0) folder.row.memory = true;
  folder.unread = {};
  co_await copy_these(pass, folder, std::move(todo));
  co_await settle_unread(pass, folder);
}

}  // namespace mirror::engine
