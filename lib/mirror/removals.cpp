// SPDX-License-Identifier: Apache-2.0
// Deletions, after every append of the pass (laws 4 and 5): only rows of the map, guarded, and only when the
// message on the target is the one we stored.

#include "db/arrivals.hpp"
#include "db/guard.hpp"
#include "mirror/folder_steps.hpp"

namespace mirror::engine {

namespace {

std::map<base::Uid, plan::MapRow> by_source(std::vector<plan::MapRow> rows) {
  std::map<base::Uid, plan::MapRow> out;
  for (auto& row : rows) out.emplace(row.source, std::move(row));
  return out;
}

// What goes from one folder, under one source UIDVALIDITY.
struct Doomed {
  FolderWork* folder = nullptr;
  db::FolderKey key;
  std::vector<plan::MapRow> rows;
  base::UidSet released;  // by an operator, or by their time
};

Task<std::vector<Doomed>> load_doomed(Pass& pass) {
  std::vector<Doomed> out;
  for (auto& folder : pass.folders) {
    if (!folder.removals.empty()) {
      base::UidSet sources;
      for (const auto& removal : folder.removals) sources.add(removal.source);
      auto rows = by_source(co_await db::load_rows_of(pass.world.pool, folder.key(), std::move(sources), {}));
      Doomed doomed{&folder, folder.key(), {}, {}};
      for (const auto& removal : folder.removals) {
        const auto row = rows.find(removal.source);
        // The pair as it was planned: a row made since is another message's.
        if (row != rows.end() && row->second.target == removal.target &&
            !folder.row.held.contains(removal.source))
          doomed.rows.push_back(row->second);
      }
      out.push_back(std::move(doomed));
    }
    std::map<base::UidValidity, std::vector<plan::MapRow>> by_uidvalidity;
    for (const auto& orphan : folder.orphans) by_uidvalidity[orphan.source_uidvalidity].push_back(orphan.row);
    for (auto& [uidvalidity, rows] : by_uidvalidity)
      out.push_back(
          {&folder, {folder.row.id, uidvalidity, folder.row.target_uidvalidity}, std::move(rows), {}});
  }
  co_return out;
}

void keep_released(Doomed& doomed) {
  std::erase_if(doomed.rows, [&](const auto& row) { return !doomed.released.contains(row.source); });
}

// What was not released waits, for a person or for its time.
Task<void> hold_rest(Pass& pass, std::vector<Doomed>& doomed, db::Hold hold) {
  std::uint64_t guarded = hold.guarded;
  for (auto& one : doomed) {
    std::vector<db::RemovalResult> held;
    for (const auto& row : one.rows)
      if (!one.released.contains(row.source)) held.push_back({row.source, row.target});
    keep_released(one);
    pass.counts.held += held.size();
    hold.guarded = std::min<std::uint64_t>(guarded, held.size());
    guarded -= hold.guarded;
    if (!pass.dry_run && !held.empty())
      co_await db::hold_removals(pass.world.pool, pass.fence, one.key, std::move(held), hold);
  }
}

// Nobody can delete INBOX (RFC 9051 6.3.5): when it has another UIDVALIDITY, the storage is another one, or
// the whole server, and nothing goes unasked, in the pass that finds it and until one came to its end. (After
// a RENAME of INBOX, too, what goes beside it.)
bool inbox_is_another(const Pass& pass) {
  for (const auto& folder : pass.folders) {
    if (!plan::is_inbox(folder.row.source_name)) continue;
    const auto before = std::find_if(pass.records.begin(), pass.records.end(),
                                     [&](const auto& record) { return record.id == folder.row.id; });
    if (before == pass.records.end()) return false;
    const bool other = base::raw(before->source_uidvalidity) != 0 &&
                       before->source_uidvalidity != folder.row.source_uidvalidity;
    return other || before->made_anew;
  }
  return false;
}

// Also in a later pass, as long as what it had is not settled.
bool under_an_inbox_of_before(const Doomed& doomed) {
  return plan::is_inbox(doomed.folder->row.source_name) &&
         doomed.key.source != doomed.folder->row.source_uidvalidity &&
         std::any_of(doomed.rows.begin(), doomed.rows.end(),
                     [&](const auto& row) { return !doomed.released.contains(row.source); });
}

// Deletions that were held before stay held, unless released; new ones are judged together. Those counted, of
// what may go, count towards the limits of a day.
Task<plan::GuardVerdict> guard(Pass& pass, std::vector<Doomed>& doomed) {
  plan::GuardInput input;
  input.added = pass.added;
  input.inbox_anew = inbox_is_another(pass);
  for (const auto& folder : pass.folders) input.mapped += folder.row.mapped + folder.orphans.size();
  for (auto& one : doomed) {
    one.released = co_await db::released_removals(pass.world.pool, one.key);
    for (const auto& row : one.rows)
      if (!one.released.contains(row.source)) input.removed.push_back(row.digest);
    input.inbox_anew |= under_an_inbox_of_before(one);
  }
  co_await add_removed_lately(pass, input);
  auto verdict = plan::judge_removals(input, guard_limits(*pass.link));
  const auto delay = pass.link->deletion_delay;
  if (!verdict.hold && delay.count() == 0) co_return verdict;
  db::Hold hold{verdict.scope == plan::HoldScope::link ? "link" : "mailbox", verdict.reason, {}, 0};
  if (!verdict.hold) hold = {"delay", "deletion_delay", delay, verdict.counted};
  co_await hold_rest(pass, doomed, std::move(hold));
  verdict.counted = 0;
  co_return verdict;
}

// A pass that looked at one folder before a move and at the other after it saw a loss alone, and held it; so
// did one that came after a pass which had stored what moved, and died.
Task<void> release_moved(Pass& pass) {
  const bool any_held = std::any_of(pass.records.begin(), pass.records.end(), [](const auto& record) {
    return !record.held.empty() || !record.orphans.empty();
  });
  if (pass.dry_run || !(any_held || pass.counts.held > 0)) co_return;
  co_await db::release_moved(pass.world.pool, pass.fence, pass.link->deletion_delay);
}

// The target's message is the one we stored: size and date as read back, or as sent where nothing was read
// back.
bool is_ours(const plan::MapRow& row, const SizeAndDate& facts) {
  if (row.target_size != 0) return row.target_size == facts.size && row.target_date == facts.date;
  return row.size == facts.size && row.date == facts.date;
}

// counted: how many may still count towards the limits of a day, less those that do now.
Task<void> remove_from(Pass& pass, Doomed& doomed, std::uint64_t& counted) {
  FolderWork& folder = *doomed.folder;
  if (doomed.rows.empty()) co_return;
  if (pass.dry_run) {
    pass.counts.removed += doomed.rows.size();
    co_return;
  }
  if (co_await gone_from_target(pass, folder.row.target_name)) {
    std::vector<db::RemovalResult> lost;
    for (const auto& row : doomed.rows) lost.push_back({row.source, row.target});
    co_await db::save_lost(pass.world.pool, pass.fence, doomed.key, folder.row.target_name, std::move(lost));
    co_return;
  }
  if (!co_await select_for_removal(pass, folder)) co_return;
  base::UidSet uids;
  for (const auto& row : doomed.rows) uids.add(row.target);
  const auto present = co_await facts_on_target(pass, folder, uids);
  base::UidSet expunge;
  std::vector<db::RemovalResult> results, lost;
  for (const auto& row : doomed.rows) {
    const auto found = present.find(row.target);
    if (found == present.end()) {
      lost.push_back({row.source, row.target});  // gone already: recorded as done
    } else if (is_ours(row, found->second)) {
      expunge.add(row.target);
      results.push_back({row.source, row.target});
    } else {
      folder.trouble = true;
      pass.note(Failure("MRD-MIR-011", fmt::format("{} UID {}", folder.row.target_name, row.target)));
    }
  }
  co_await db::save_lost(pass.world.pool, pass.fence, doomed.key, folder.row.target_name, std::move(lost));
  if (expunge.empty()) co_return;
  const auto step =
      co_await pass.open_step(folder.row.id, "expunge", fmt::format("{{\"messages\": {}}}", results.size()));
  const auto kept = co_await expunge_from(pass, folder, expunge);
  if (!kept) {
    co_await db::close_step(pass.world.pool, step);
    co_return;
  }
  // What is still there keeps its row, and is tried again.
  std::erase_if(results, [&](const auto& one) { return kept->contains(one.target); });
  pass.counts.removed += results.size();
  if (doomed.key.source == folder.row.source_uidvalidity)
    folder.row.mapped -= std::min<std::uint64_t>(folder.row.mapped, results.size());
  const auto judged =
      static_cast<std::uint64_t>(std::count_if(results.begin(), results.end(), [&](const auto& one) {
        return !doomed.released.contains(one.source);
      }));
  const std::uint64_t guarded = std::min(counted, judged);
  counted -= guarded;
  co_await db::save_removals(pass.world.pool, pass.fence, doomed.key, step, folder.row.target_name,
                             std::move(results), guarded);
}

}  // namespace

plan::GuardLimits guard_limits(const db::LinkRecord& link) {
  return {static_cast<std::uint64_t>(link.guard_count), static_cast<std::uint64_t>(link.guard_percent),
          static_cast<std::uint64_t>(link.guard_link_percent)};
}

Task<void> add_removed_lately(Pass& pass, plan::GuardInput& input) {
  const auto lately = co_await db::removed_lately(pass.world.pool, pass.item.mailbox, pass.item.link,
                                                  input.removed.size(), plan::k_link_unasked);
  input.removed_today = lately.today;
  input.link_removed = lately.link_hour;
  input.link_held = lately.link_held;
  input.link_mapped = lately.link_messages;
}

Task<void> find_orphans(Pass& pass, FolderWork& folder) {
  folder.orphans.clear();
  if (pass.dry_run || (folder.row.memory && folder.row.orphans.empty())) co_return;
  folder.orphans = co_await db::load_orphans(pass.world.pool, folder.key());
  std::erase_if(folder.orphans, [](const auto& orphan) { return orphan.held; });
}

Task<void> apply_removals(Pass& pass) {
  auto doomed = co_await load_doomed(pass);
  plan::GuardVerdict verdict;
  if (!doomed.empty()) verdict = co_await guard(pass, doomed);
  for (auto& one : doomed) co_await remove_from(pass, one, verdict.counted);
  co_await release_moved(pass);
}

}  // namespace mirror::engine
