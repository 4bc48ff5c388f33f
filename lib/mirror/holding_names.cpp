// SPDX-License-Identifier: Apache-2.0
// Folders on the target that stand under the name they were to leave by: a pass was killed in between, or the
// server did such a RENAME long after its connection had ended.

#include "mirror/folder_steps.hpp"

namespace mirror::engine {

namespace {

constexpr std::string_view k_leaving = "mirrord-leaving-";

// Holding names of folders that no record claims. The server did such a RENAME long after its connection had
// ended: what it took is the folder that had the name by then.
std::vector<std::string> nameless(const Pass& pass) {
  std::vector<std::string> names;
  for (const auto& folder : pass.on_target)
    if (folder.selectable && folder.name.starts_with(k_leaving) &&
        folder.name.find(pass.target_delimiter, k_leaving.size()) == std::string::npos &&
        std::none_of(pass.records.begin(), pass.records.end(),
                     [&](const auto& record) { return holding_name(record.id) == folder.name; }))
      names.push_back(folder.name);
  return names;
}

// Otherwise RENAME makes them (RFC 9051 section 6.3.6), and nobody would own them: who stands below is looked
// for where it is (folder_places.cpp).
bool has_superiors(const Pass& pass, std::string_view name) {
  if (pass.target_delimiter == 0) return true;
  for (auto at = name.find(pass.target_delimiter); at != std::string_view::npos;
       at = name.find(pass.target_delimiter, at + 1))
    if (find_on_target(pass, std::string(name.substr(0, at))) == nullptr) return false;
  return true;
}

std::vector<const db::FolderRecord*> missing_folders(const Pass& pass) {
  std::vector<const db::FolderRecord*> missing;
  for (const auto& record : pass.records)
    if (base::raw(record.target_uidvalidity) != 0 && find_on_target(pass, record.target_name) == nullptr)
      missing.push_back(&record);
  return missing;
}

// Of the folders that the target does not list those that this one may be, by its numbers.
std::vector<const db::FolderRecord*> owners_of(const Pass& pass, const imap::FolderStatus& status) {
  auto owners = missing_folders(pass);
  std::erase_if(owners, [&](const auto* record) {
    return status.uidvalidity != record->target_uidvalidity ||
           status.uidnext.value_or(base::Uid{}) < record->target_uidnext ||
           status.messages.value_or(0) < record->mapped;
  });
  return owners;
}

// A folder that stays under its holding name for now is not made anew meanwhile: its messages would be on the
// target twice.
Task<void> give_back(Pass& pass, const db::FolderRecord& record, plan::RenameStep back) {
  const auto reply = co_await rename_on_target(pass, record.id, back);
  if (reply.ok()) {
    move_on_target(pass, back);
    co_return;
  }
  pass.note_refusal(imap::failure_of(reply, "RENAME", back.from));
  pass.away.insert(record.target_name);
}

}  // namespace

std::string holding_name(base::FolderId folder) {
  return fmt::format("{}{}", k_leaving, folder);
}

Task<void> restore_holding_names(Pass& pass) {
  for (const auto& record : pass.records) {
    const plan::RenameStep back{holding_name(record.id), record.target_name};
    if (back.from == back.to || find_on_target(pass, back.from) == nullptr ||
        find_on_target(pass, back.to) != nullptr || !has_superiors(pass, back.to))
      continue;
    co_await give_back(pass, record, back);
  }
  for (const auto& name : nameless(pass)) {
    const auto status = co_await pass.target->status(name);
    if (!status) pass.note(status.error());
    const auto owners = status ? owners_of(pass, *status) : missing_folders(pass);
    if (status && owners.size() == 1) {
      co_await give_back(pass, *owners.front(), {name, owners.front()->target_name});
      continue;
    }
    if (!owners.empty()) pass.note(Failure("MRD-MIR-025", name));
    for (const auto* owner : owners) pass.away.insert(owner->target_name);
  }
}

}  // namespace mirror::engine
