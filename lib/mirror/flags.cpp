// SPDX-License-Identifier: Apache-2.0
// Status changes: absolute flag sets, grouped, pipelined; read back once, so that a flag the target does not
// keep is reported and not set again and again.

#include "base/fault.hpp"
#include "db/quarantine.hpp"
#include "mirror/pass.hpp"

namespace mirror::engine {

namespace {

constexpr std::size_t k_groups_at_once = 64;

using LostFlags = std::map<base::Uid, db::LostFlags>;

std::map<base::FlagSet, base::UidSet> grouped(const FolderWork& folder,
                                              const std::vector<plan::FlagFix>& fixes) {
  std::map<base::FlagSet, base::UidSet> groups;
  for (const auto& fix : fixes) groups[plan::storable(fix.wanted, folder.keeps)].add(fix.target);
  return groups;
}

Task<std::map<base::Uid, base::FlagSet>> flags_on_target(Pass& pass,
                                                         const std::vector<plan::FlagFix>& fixes) {
  base::UidSet uids;
  for (const auto& fix : fixes) uids.add(fix.target);
  std::map<base::Uid, base::FlagSet> has;
  imap::FetchWhat what;
  const auto reply = co_await pass.target->fetch(std::move(uids), what, [&](const imap::MessageData& m) {
    if (m.uid && m.flags) has[*m.uid] = *m.flags;
  });
  if (!reply.ok()) throw base::Failed(imap::failure_of(reply, "FETCH", pass.target->selected()));
  co_return has;
}

// Compares what is there now with what was wanted; a flag gone at the first read-back is quarantined.
std::vector<db::Quarantined> not_kept(const FolderWork& folder, const std::vector<plan::FlagFix>& fixes,
                                      const std::map<base::Uid, base::FlagSet>& has) {
  std::vector<db::Quarantined> rows;
  for (const auto& fix : fixes) {
    const auto found = has.find(fix.target);
    if (found == has.end()) continue;
    const auto wanted = plan::storable(fix.wanted, folder.keeps);
    for (const auto& word : wanted.words()) {
      if (found->second.contains(word)) continue;
      db::Quarantined row;
      row.folder = folder.row.id;
      row.folder_name = folder.row.source_name;
      row.kind = "flag";
      row.source_uidvalidity = folder.row.source_uidvalidity;
      row.source = fix.source;
      row.code = "MRD-MIR-002";
      row.wanted = word;
      row.got = found->second.text();
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

base::FlagSet without(base::FlagSet flags, const base::FlagSet& words) {
  for (const auto& word : words.words()) flags.remove(word);
  return flags;
}

// What differs in nothing but words that the target did not keep, and which wait, is not set again in each
// look.
void leave_out_waiting(const FolderWork& folder, std::vector<plan::FlagFix>& fixes, const LostFlags& lost) {
  std::erase_if(fixes, [&](const plan::FlagFix& fix) {
    const auto found = lost.find(fix.source);
    if (found == lost.end()) return false;
    const auto& waiting = found->second.waiting;
    return without(plan::storable(fix.wanted, folder.keeps), waiting) ==
           without(plan::storable(fix.before, folder.keeps), waiting);
  });
}

std::set<base::Uid> sources_of(const std::vector<plan::FlagFix>& fixes) {
  std::set<base::Uid> sources;
  for (const auto& fix : fixes) sources.insert(fix.source);
  return sources;
}

// Nothing waits any more of messages whose flags are as they should be: what was set was kept, or a complete
// compare saw no difference. differing: by the plan; refused: of what was set, what is missing.
Task<void> release_settled(Pass& pass, const FolderWork& folder, const LostFlags& lost,
                           const std::set<base::Uid>& differing, const std::set<base::Uid>& set,
                           const std::vector<db::Quarantined>& refused) {
  const bool all_seen = folder.source_view.complete && folder.target_view.complete;
  std::set<base::Uid> missing;
  for (const auto& row : refused) missing.insert(row.source);
  std::vector<base::Uid> over;
  for (const auto& [uid, flags] : lost)
    if (set.contains(uid) ? !missing.contains(uid) : all_seen && !differing.contains(uid))
      over.push_back(uid);
  co_await db::release_quarantine(pass.world.pool, pass.item.mailbox, folder.row.source_name, "flag",
                                  folder.row.source_uidvalidity, std::move(over));
}

// What the target says beforehand that it stores none of (PERMANENTFLAGS): told once for the folder, not for
// each message.
Task<void> tell_unstorable(Pass& pass, const FolderWork& folder) {
  if (pass.dry_run || (!folder.keeps && !pass.full)) co_return;
  base::FlagSet left_out;
  if (folder.keeps) {
    const base::FlagSet kept(*folder.keeps);
    for (const auto& message : folder.source_view.messages)
      for (const auto& word : message.flags.words())
        if (!kept.contains(word)) left_out.add(word);
  }
  const bool all_seen = pass.full && folder.source_view.complete && !folder.rows.empty();
  if (left_out.words().empty() && all_seen)
    co_await db::release_quarantine(pass.world.pool, pass.item.mailbox, folder.row.source_name, "flag", {},
                                    {base::Uid{}});
  std::vector<db::Quarantined> rows;
  for (const auto& word : left_out.words()) {
    db::Quarantined row;
    row.folder = folder.row.id;
    row.folder_name = folder.row.source_name;
    row.kind = "flag";
    row.code = "MRD-MIR-002";
    row.wanted = word;
    row.server_text = word;
    rows.push_back(std::move(row));
  }
  pass.counts.quarantined += rows.size();
  co_await db::quarantine(pass.world.pool, pass.item.mailbox, std::move(rows));
}

base::FlagSet known_words(const std::vector<plan::FlagFix>& fixes) {
  base::FlagSet known;
  for (const auto& fix : fixes)
    for (const auto& word : fix.before.words()) known.add(word);
  return known;
}

imap::FlagChange without_new_keywords(const imap::FlagChange& change, const base::FlagSet& known) {
  imap::FlagChange less = change;
  for (const auto& word : change.flags.words())
    if (!word.starts_with('\\') && !known.contains(word)) less.flags.remove(word);
  return less;
}

// A STORE that is refused for a keyword (Cyrus: the 101st of the folder) is sent once more without those that
// are new, so that the other flags arrive; not_kept() names what is missing then.
Task<void> store_groups(Pass& pass, FolderWork& folder, std::vector<imap::FlagChange> changes,
                        const base::FlagSet* known) {
  std::vector<imap::FlagChange> again;
  for (std::size_t at = 0; at < changes.size(); at += k_groups_at_once) {
    co_await pass.ensure_permitted();
    const auto last = std::min(changes.size(), at + k_groups_at_once);
    const auto replies = co_await pass.target->store({changes.begin() + static_cast<std::ptrdiff_t>(at),
                                                      changes.begin() + static_cast<std::ptrdiff_t>(last)});
    for (std::size_t i = 0; i < replies.size(); ++i) {
      if (replies[i].ok()) continue;
      auto failure = imap::failure_of(replies[i], "STORE", folder.row.target_name);
      if (known != nullptr && failure.code() == "MRD-IMAP-004") {
        auto less = without_new_keywords(changes[at + i], *known);
        if (!(less.flags == changes[at + i].flags)) {
          again.push_back(std::move(less));
          continue;
        }
      }
      folder.trouble = true;
      pass.note(std::move(failure));
    }
  }
  if (!again.empty()) co_await store_groups(pass, folder, std::move(again), nullptr);
}

}  // namespace

Task<void> apply_flags(Pass& pass, FolderWork& folder) {
  auto fixes = std::exchange(folder.plan.flags, {});
  auto settled = std::exchange(folder.plan.settled, {});
  if (pass.dry_run) {
    pass.counts.flags += fixes.size();
    co_return;
  }
  co_await tell_unstorable(pass, folder);
  co_await db::save_flags(pass.world.pool, folder.key(), std::move(settled));
  if (fixes.empty() && !pass.full) co_return;
  const auto lost = co_await db::lost_flags(pass.world.pool, folder.key());
  const auto differing = sources_of(fixes);
  leave_out_waiting(folder, fixes, lost);
  if (fixes.empty()) {
    co_await release_settled(pass, folder, lost, differing, {}, {});
    co_return;
  }
  const auto step =
      co_await pass.open_step(folder.row.id, "flags", fmt::format("{{\"messages\": {}}}", fixes.size()));
  base::fault_point("flags.step");
  std::vector<imap::FlagChange> changes;
  for (auto& [flags, uids] : grouped(folder, fixes)) {
    imap::FlagChange change;
    change.uids = uids;
    change.flags = flags;
    changes.push_back(std::move(change));
  }
  const auto known = known_words(fixes);
  folder.forget_target_status();
  co_await store_groups(pass, folder, std::move(changes), &known);
  base::fault_point("flags.stored");
  const auto has = co_await flags_on_target(pass, fixes);
  const auto set = sources_of(fixes);
  auto refused = not_kept(folder, fixes, has);
  std::vector<db::FlagResult> results;
  for (auto& fix : fixes)
    if (has.contains(fix.target))
      results.push_back({fix.source, fix.target, std::move(fix.before), std::move(fix.wanted), fix.drift});
  pass.counts.flags += results.size();
  if (folder.trouble) {
    co_await db::close_step(pass.world.pool, step);
    co_return;
  }
  co_await db::save_flag_results(pass.world.pool, pass.fence, folder.key(), step, folder.row.target_name,
                                 std::move(results));
  pass.counts.quarantined += refused.size();
  co_await release_settled(pass, folder, lost, differing, set, refused);
  co_await db::quarantine(pass.world.pool, pass.item.mailbox, std::move(refused));
}

}  // namespace mirror::engine
