// SPDX-License-Identifier: Apache-2.0
// Status changes: absolute flag sets, grouped, pipelined; read back once, so that a flag the target does not
// keep is reported and not set again and again.

#include "base/fault.hpp"
#include "mirror/plan/lost_flags.hpp"
#include "mirror/quarantine.hpp"

namespace mirror::engine {

namespace {

constexpr std::size_t k_groups_at_once = 64;

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

db::Quarantined lost_row(const FolderWork& folder, base::Uid source, std::string word, std::string got) {
  auto row = quarantine_row(folder, source, "flag", Failure("MRD-MIR-002", ""), "");
  row.wanted = std::move(word);
  row.got = std::move(got);
  return row;
}

std::set<base::Uid> sources_of(const std::vector<plan::FlagFix>& fixes) {
  std::set<base::Uid> sources;
  for (const auto& fix : fixes) sources.insert(fix.source);
  return sources;
}

// What was copied in this pass was not compared yet: its rows are not among the folder's.
Task<void> release_equal(Pass& pass, const FolderWork& folder, const plan::LostByUid& lost,
                         const std::set<base::Uid>& differing) {
  if (lost.empty()) co_return;
  const bool whole = folder.source_view.complete && folder.target_view.complete;
  co_await db::release_flags(pass.world.pool, folder.key(),
                             plan::settled(folder.rows, folder.target_view, whole, differing, lost));
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
    co_await db::release_quarantine(pass.world.pool, folder.row.id, "flag", {}, {base::Uid{}});
  std::vector<db::Quarantined> rows;
  for (const auto& word : left_out.words()) {
    rows.push_back(lost_row(folder, {}, word, ""));
    rows.back().source_uidvalidity = {};  // of the folder, whatever becomes of its messages
    rows.back().server_text = word;
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
// are new, so that the other flags arrive; not_kept() names what is missing then. Returned, by target UID:
// whose change was refused for another reason, which is noted.
Task<std::set<base::Uid>> store_groups(Pass& pass, FolderWork& folder, std::vector<imap::FlagChange> changes,
                                       const base::FlagSet* known) {
  std::vector<imap::FlagChange> again;
  std::set<base::Uid> refused;
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
      const auto& uids = changes[at + i].uids;
      for (const auto uid : uids.expand(uids.count()).value_or(std::vector<base::Uid>{})) refused.insert(uid);
      pass.note_refusal(std::move(failure));
    }
  }
  if (!again.empty()) refused.merge(co_await store_groups(pass, folder, std::move(again), nullptr));
  co_return refused;
}

// Reads back what became of it. What the target did not keep is told before the step ends with the results: a
// step that is found open has all compared again, and what nobody told would be found by nothing else.
Task<void> record(Pass& pass, FolderWork& folder, db::StepId step, std::vector<plan::FlagFix> fixes,
                  const plan::LostByUid& lost, const std::set<base::Uid>& refused) {
  const auto has = co_await flags_on_target(pass, fixes);
  std::vector<db::Quarantined> rows;
  std::map<base::Uid, base::Uid> targets;
  for (const auto& fix : fixes) targets[fix.source] = fix.target;
  for (auto& one : plan::not_kept(fixes, has, refused, folder.keeps))
    rows.push_back(lost_row(folder, one.source, std::move(one.word), has.at(targets.at(one.source)).text()));
  co_await db::release_flags(pass.world.pool, folder.key(), plan::settled(fixes, has, lost));
  std::vector<db::FlagResult> results;
  std::vector<plan::MapRow> unchanged;
  for (auto& fix : fixes) {
    const auto outcome = plan::outcome_of(fix, has, refused, folder.keeps);
    if (outcome == plan::Outcome::changed)
      results.push_back({fix.source, fix.target, std::move(fix.before), std::move(fix.wanted), fix.drift});
    if (outcome != plan::Outcome::unchanged) continue;
    unchanged.emplace_back();
    unchanged.back().source = fix.source;
    unchanged.back().flags = std::move(fix.wanted);
  }
  if (!results.empty()) folder.forget_target_status();
  pass.counts.quarantined += rows.size();
  co_await db::quarantine(pass.world.pool, pass.item.mailbox, std::move(rows));
  base::fault_point("flags.told");
  co_await db::save_flags(pass.world.pool, folder.key(), std::move(unchanged));
  pass.counts.flags += results.size();
  co_await db::save_flag_results(pass.world.pool, pass.fence, folder.key(), step, folder.row.target_name,
                                 std::move(results));
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
  if (fixes.empty() && !pass.full && folder.target_view.messages.empty()) co_return;
  const auto lost = co_await db::lost_flags(pass.world.pool, folder.key());
  const auto differing = sources_of(fixes);
  plan::leave_out_waiting(fixes, lost, folder.keeps);
  co_await release_equal(pass, folder, lost, differing);
  if (fixes.empty()) co_return;
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
  const auto refused = co_await store_groups(pass, folder, std::move(changes), &known);
  base::fault_point("flags.stored");
  co_await record(pass, folder, step, std::move(fixes), lost, refused);
}

}  // namespace mirror::engine
