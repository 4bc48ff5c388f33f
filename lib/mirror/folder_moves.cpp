// SPDX-License-Identifier: Apache-2.0
// Where the folders of the target have to be, as far as a pass knows, and the names of their rows after the
// renames.

#include <algorithm>

#include "base/fault.hpp"
#include "mirror/folder_steps.hpp"

namespace mirror::engine {

namespace {

// A folder that left by a holding name and is listed again gets its own back, when that is free or is itself.
std::string home_of(const Pass& pass, const db::FolderRecord& record, const plan::ListedFolder& folder) {
  if (record.target_name != holding_name(record.id)) return record.target_name;
  std::string own = plan::target_folder_name(folder.name, name_rules(pass, folder));
  const bool owned = std::any_of(pass.records.begin(), pass.records.end(),
                                 [&](const auto& other) { return other.target_name == own; });
  const auto place = pass.places.find(record.id);
  const bool itself = place != pass.places.end() && place->second == own;
  return owned || (!itself && find_on_target(pass, own) != nullptr) ? record.target_name : own;
}

}  // namespace

plan::MoveInput moves_of(const Pass& pass, const plan::FolderPlan& plan,
                         const std::vector<ConfirmedRename>& confirmed, const RecordsById& records) {
  const auto place = [&](base::FolderId id) {
    const auto found = pass.places.find(id);
    return found == pass.places.end() ? std::string() : found->second;
  };
  plan::MoveInput input;
  std::set<std::string> ours;
  for (const auto& [id, name] : pass.places) ours.insert(name);
  for (const auto& folder : pass.on_target)
    if (folder.selectable && !ours.contains(folder.name)) input.strangers.insert(folder.name);
  for (const auto& [row, folder] : plan.kept) {
    const auto home = home_of(pass, records.at(row.id), folder);
    // Somebody renamed it on the target and made another one: that one bears the name now, and is looked at.
    const bool taken = input.strangers.contains(home);
    input.staying.push_back({row, taken ? home : place(row.id), home, row.source_name});
  }
  for (const auto& one : confirmed)
    input.staying.push_back({plan_row(one.record), place(one.record.id), one.to, one.now.name});
  for (const auto& row : plan.vanished) input.vanished.push_back({row, place(row.id), "", ""});
  for (const auto& folder : plan.fresh)
    input.fresh.insert(plan::target_folder_name(folder.name, name_rules(pass, folder)));
  return input;
}

void leave_as_they_are(Pass& pass, plan::FolderPlan& plan) {
  std::map<std::string, base::FolderId> taken;
  for (const auto& [id, place] : pass.places) taken.emplace(place, id);
  // Its folder stands under another name, or another row's under its own.
  const auto elsewhere = [&](const auto& row) {
    const auto place = pass.places.find(row.id);
    const auto there = taken.find(row.target_name);
    return (place != pass.places.end() && place->second != row.target_name) ||
           (there != taken.end() && there->second != row.id);
  };
  for (const auto& [row, folder] : plan.kept)
    if (elsewhere(row)) pass.away.insert(row.target_name);
  // A row that does not say where its folder is by now: nothing may be concluded from its name.
  std::erase_if(plan.vanished, elsewhere);
  std::erase_if(plan.fresh, [&](const auto& folder) {
    return taken.contains(plan::target_folder_name(folder.name, name_rules(pass, folder)));
  });
}

void add_carried(const Pass& pass, const plan::FolderPlan& plan, std::vector<plan::NameChange>& changes) {
  for (const auto& row : plan.vanished) {
    const auto place = pass.places.find(row.id);
    const bool changed = std::any_of(changes.begin(), changes.end(),
                                     [&](const auto& change) { return change.folder == row.id; });
    if (place != pass.places.end() && place->second != row.target_name && !changed)
      changes.push_back({row.id, row.source_name, place->second});
  }
}

Task<void> save_names(Pass& pass, plan::FolderPlan& plan, RecordsById& records,
                      const std::vector<plan::NameChange>& changes) {
  if (changes.empty()) co_return;
  base::fault_point("folder.names_saved");
  std::vector<db::FolderRename> rows;
  for (const auto& change : changes) {
    rows.push_back({change.folder, change.source_name, change.target_name});
    const auto rename = [&](db::FolderRecord& record) {
      record.source_name = change.source_name;
      record.target_name = change.target_name;
      record.source_status.clear();
    };
    rename(records.at(change.folder));
    for (auto& record : pass.records)
      if (record.id == change.folder) rename(record);
    for (auto& row : plan.vanished) {
      if (row.id != change.folder) continue;
      row.source_name = change.source_name;
      row.target_name = change.target_name;
    }
  }
  co_await db::rename_folders(pass.world.pool, pass.fence, std::move(rows));
}

}  // namespace mirror::engine
