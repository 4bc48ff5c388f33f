// SPDX-License-Identifier: Apache-2.0
// Where the folders of the target stand and have to be, as far as a pass knows, and the rows' names after the
// renames.

#include "base/fault.hpp"
#include "mirror/folder_steps.hpp"

namespace mirror::engine {

namespace {

// A folder that left by a holding name and is listed again gets its own back, when that is free.
std::string home_of(const Pass& pass, const db::FolderRecord& record, const plan::ListedFolder& folder) {
  if (record.target_name != holding_name(record.id)) return record.target_name;
  std::string own = plan::target_folder_name(folder.name, name_rules(pass, folder));
  const bool owned = std::any_of(pass.records.begin(), pass.records.end(),
                                 [&](const auto& other) { return other.target_name == own; });
  return owned || find_on_target(pass, own) != nullptr ? record.target_name : own;
}

}  // namespace

plan::MoveInput moves_of(const Pass& pass, const plan::FolderPlan& plan,
                         const std::vector<ConfirmedRename>& confirmed, const RecordsById& records) {
  std::set<std::string> owned;
  for (const auto& record : pass.records) owned.insert(record.target_name);
  const plan::TargetFolders target(pass.on_target, std::move(owned), std::string(k_parked),
                                   pass.target_delimiter);
  const auto place = [&](const db::FolderRecord& record, const std::string& wanted) {
    return target.place_of({record.target_name, record.target_uidvalidity, record.target_uidnext}, wanted);
  };
  plan::MoveInput input;
  for (const auto& [row, folder] : plan.kept) {
    const auto& record = records.at(row.id);
    const auto home = home_of(pass, record, folder);
    input.staying.push_back({row, place(record, home), home, row.source_name});
  }
  for (const auto& one : confirmed)
    input.staying.push_back({plan_row(one.record), place(one.record, one.to), one.to, one.now.name});
  for (const auto& row : plan.vanished)
    input.vanished.push_back({row, place(records.at(row.id), holding_name(row.id)), "", ""});
  for (const auto& folder : plan.fresh)
    input.fresh.insert(plan::target_folder_name(folder.name, name_rules(pass, folder)));
  return input;
}

void leave_as_they_are(Pass& pass, plan::FolderPlan& plan, const plan::MoveInput& input) {
  for (const auto& one : input.staying)
    if (!one.place.empty() && find_on_target(pass, one.row.target_name) == nullptr)
      pass.away.insert(one.row.target_name);
  // A row that does not say where its folder is by now: nothing may be concluded from its name.
  for (const auto& one : input.vanished)
    if (!one.place.empty() && find_on_target(pass, one.row.target_name) == nullptr)
      std::erase_if(plan.vanished, [&](const auto& row) { return row.id == one.row.id; });
  std::set<base::UidValidity> ours;
  for (const auto& record : pass.records) ours.insert(record.target_uidvalidity);
  const auto left = std::erase_if(plan.fresh, [&](const auto& folder) {
    const auto* there = find_on_target(pass, plan::target_folder_name(folder.name, name_rules(pass, folder)));
    return there != nullptr && ours.contains(there->uidvalidity);
  });
  if (left > 0) pass.again = true;
}

Task<void> save_names(Pass& pass, plan::FolderPlan& plan, RecordsById& records,
                      const std::vector<plan::NameChange>& changes) {
  if (changes.empty()) co_return;
  base::fault_point("folder.names_saved");
  std::vector<db::FolderRename> rows;
  for (const auto& change : changes) {
    rows.push_back({change.folder, change.source_name, change.target_name});
    auto& record = records.at(change.folder);
    record.source_name = change.source_name;
    record.target_name = change.target_name;
    record.source_status.clear();
    for (auto& row : plan.vanished) {
      if (row.id != change.folder) continue;
      row.source_name = change.source_name;
      row.target_name = change.target_name;
    }
  }
  co_await db::rename_folders(pass.world.pool, pass.fence, std::move(rows));
}

}  // namespace mirror::engine
