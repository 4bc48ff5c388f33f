// SPDX-License-Identifier: Apache-2.0
// A folder renamed on the source is renamed on the target, never copied again: confirmed by its messages,
// done as one permutation, each step recorded.

#include "base/fault.hpp"
#include "mirror/folder_steps.hpp"

namespace mirror::engine {

namespace {

// A rename that numbers alone suggest is confirmed by messages: the same UIDs with the same sizes and dates.
Task<bool> confirm_rename(Pass& pass, const plan::RenameCandidate& candidate) {
  if (candidate.sure) co_return true;
  const db::FolderKey key{candidate.row.id, candidate.row.source_uidvalidity, {}};
  const auto folders = co_await db::load_folders(pass.world.pool, pass.item.mailbox);
  const auto record =
      std::find_if(folders.begin(), folders.end(), [&](const auto& f) { return f.id == candidate.row.id; });
  if (record == folders.end()) co_return false;
  auto rows = co_await db::load_rows(pass.world.pool,
                                     {key.folder, record->source_uidvalidity, record->target_uidvalidity});
  if (rows.size() > 20) rows.erase(rows.begin(), rows.end() - 20);
  base::UidSet uids;
  std::map<base::Uid, const base::MapRow*> known;
  for (const auto& row : rows) {
    uids.add(row.source);
    known[row.source] = &row;
  }
  if (uids.empty()) co_return false;
  auto selected = co_await pass.source->select(candidate.now.name, true);
  if (!selected || selected->uidvalidity != record->source_uidvalidity) co_return false;
  imap::FetchWhat what;
  what.date = what.size = true;
  std::size_t agree = 0, differ = 0;
  const auto reply = co_await pass.source->fetch(uids, what, [&](const imap::MessageData& m) {
    if (!m.uid || !m.date || !known.contains(*m.uid)) return;
    (m.date->unix_seconds == known[*m.uid]->date ? agree : differ) += 1;
  });
  co_return reply.ok() && agree > 0 && differ == 0;
}

constexpr std::string_view k_parked = "mirrord-rename-";

// Where a record's folder is now: a rename sent before a crash may be done, or stand half-way under a parked
// name.
std::string current_target_name(const Pass& pass, const db::FolderRecord& record, const std::string& wanted) {
  const auto is_it = [&](const plan::ListedFolder& f) {
    return f.selectable && base::raw(record.target_uidvalidity) != 0 &&
           f.uidvalidity == record.target_uidvalidity && f.uidnext >= record.target_uidnext;
  };
  const auto* there = find_on_target(pass, record.target_name);
  if (there != nullptr && is_it(*there)) return record.target_name;
  if (const auto* moved = find_on_target(pass, wanted); moved != nullptr && is_it(*moved)) return wanted;
  for (const auto& folder : pass.on_target)
    if (folder.name.starts_with(k_parked) && is_it(folder)) return folder.name;
  return record.target_name;
}

struct Confirmed {
  db::FolderRecord record;
  plan::ListedFolder now;
  std::string to;
};

// A vanished folder whose name on the target is the goal of a rename makes room first.
std::vector<db::FolderRename> make_room(plan::FolderPlan& plan, const std::set<std::string>& goals,
                                        std::vector<plan::RenameStep>& steps) {
  std::vector<db::FolderRename> moved;
  for (auto& row : plan.vanished) {
    if (!goals.contains(row.target_name)) continue;
    const std::string holding = holding_name(row.id);
    steps.push_back({row.target_name, holding});
    row.target_name = holding;
    row.source_name = holding;  // its old name belongs to another folder now
    moved.push_back({row.id, holding, holding});
  }
  return moved;
}

Task<bool> run_renames(Pass& pass, std::vector<plan::RenameStep> steps, base::FolderId first) {
  const auto parked = fmt::format("{}{}-", k_parked, pass.fence.epoch);
  for (const auto& step : plan::order_renames(std::move(steps), parked, pass.target_delimiter)) {
    if (!co_await rename_on_target(pass, first, step)) co_return false;
    move_on_target(pass, step);
  }
  co_return true;
}

std::vector<Confirmed> with_names(const Pass& pass, const plan::FolderPlan& plan,
                                  const std::map<base::FolderId, db::FolderRecord>& records) {
  std::vector<Confirmed> confirmed;
  std::set<std::string> used;
  for (const auto& [row, folder] : plan.kept) used.insert(row.target_name);
  for (const auto& candidate : plan.renamed) {
    std::string to = plan::target_folder_name(candidate.now.name, name_rules(pass, candidate.now));
    while (!used.insert(to).second) to += "=02";
    confirmed.push_back({records.at(candidate.row.id), candidate.now, to});
  }
  return confirmed;
}

}  // namespace

Task<bool> rename_on_target(Pass& pass, base::FolderId folder, const plan::RenameStep& rename) {
  const auto step =
      co_await pass.open_step(folder, "folder.rename", fmt::format("{{\"to_folder_id\": {}}}", folder));
  base::fault_point("folder.rename");
  co_await pass.ensure_permitted();
  const auto reply = co_await pass.target->rename(rename.from, rename.to);
  if (!reply.ok()) {
    co_await db::close_step(pass.world.pool, step);
    pass.note(imap::failure_of(reply, "RENAME", rename.from));
    co_return false;
  }
  base::fault_point("folder.renamed");
  std::vector<db::FolderChange> renamed;
  renamed.push_back({"folder.renamed_on_target", rename.to, rename.from, rename.to});
  co_await db::save_folder_changes(pass.world.pool, pass.fence, step, std::move(renamed));
  co_return true;
}

void move_on_target(Pass& pass, const plan::RenameStep& step) {
  const std::string children = step.from + pass.target_delimiter;
  for (auto& folder : pass.on_target) {
    if (folder.name == step.from)
      folder.name = step.to;
    else if (folder.name.starts_with(children))
      folder.name = step.to + folder.name.substr(step.from.size());
  }
}

Task<void> confirm_renames(Pass& pass, plan::FolderPlan& plan) {
  for (auto& candidate : std::exchange(plan.renamed, {})) {
    if (co_await confirm_rename(pass, candidate))
      plan.renamed.push_back(candidate);
    else
      plan::reject_rename(plan, candidate);
  }
}

Task<bool> settle_renames(Pass& pass, plan::FolderPlan& plan, std::vector<FolderPair>& pairs,
                          const std::map<base::FolderId, db::FolderRecord>& records) {
  auto confirmed = with_names(pass, plan, records);
  if (pass.dry_run) pass.counts.folders_renamed += confirmed.size();
  if (confirmed.empty() || pass.dry_run) co_return true;
  std::vector<plan::RenameStep> steps;
  std::set<std::string> goals;
  for (const auto& one : confirmed) {
    steps.push_back({current_target_name(pass, one.record, one.to), one.to});
    goals.insert(one.to);
  }
  for (const auto& [row, folder] : plan.kept) steps.push_back({row.target_name, row.target_name});
  auto changes = make_room(plan, goals, steps);
  // A rename that fails leaves these folders alone for now; what was done is found by the next pass.
  if (!co_await run_renames(pass, std::move(steps), confirmed.front().record.id)) co_return false;
  pass.counts.folders_renamed += confirmed.size();
  for (const auto& one : confirmed) changes.push_back({one.record.id, one.now.name, one.to});
  base::fault_point("folder.names_saved");
  co_await db::rename_folders(pass.world.pool, pass.fence, std::move(changes));
  for (auto& one : confirmed) {
    one.record.source_name = one.now.name;
    one.record.target_name = one.to;
    one.record.source_status.clear();
    pairs.emplace_back(std::move(one.record), one.now);
  }
  co_return true;
}

}  // namespace mirror::engine
