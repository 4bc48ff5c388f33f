// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/folder_moves.hpp"

#include <algorithm>

namespace mirror::plan {

namespace {

std::string_view last_part(std::string_view name, char delimiter) {
  const auto at = delimiter == 0 ? std::string_view::npos : name.rfind(delimiter);
  return at == std::string_view::npos ? name : name.substr(at + 1);
}

// The nearest renamed folder above this row, or nullptr.
const RenameCandidate* parent_of(const std::vector<RenameCandidate>& renamed, const FolderRow& row) {
  const RenameCandidate* nearest = nullptr;
  for (const auto& one : renamed)
    if (is_below(row.source_name, one.row.source_name, one.now.delimiter) &&
        (nearest == nullptr || one.row.source_name.size() > nearest->row.source_name.size()))
      nearest = &one;
  return nearest;
}

bool follows(const FolderRow& row, const ListedFolder& folder, const RenameCandidate& parent) {
  return folder.name == parent.now.name + row.source_name.substr(parent.row.source_name.size()) &&
         row.source_uidvalidity != UidValidity{} && row.source_uidvalidity == folder.uidvalidity &&
         folder.uidnext >= row.source_uidnext;
}

}  // namespace

void follow_parents(FolderPlan& plan) {
  std::vector<RenameCandidate> followers;
  std::erase_if(plan.vanished, [&](const FolderRow& row) {
    if (row.mapped > 0) return false;  // its messages have said no
    const auto* parent = parent_of(plan.renamed, row);
    if (parent == nullptr) return false;
    const auto now = std::find_if(plan.fresh.begin(), plan.fresh.end(),
                                  [&](const auto& folder) { return follows(row, folder, *parent); });
    if (now == plan.fresh.end()) return false;
    followers.push_back({row, *now, true});
    plan.fresh.erase(now);
    return true;
  });
  for (auto& one : followers) plan.renamed.push_back(std::move(one));
}

TargetFolders::TargetFolders(const std::vector<ListedFolder>& listed, std::set<std::string> owned,
                             std::string parked_prefix, char delimiter)
    : owned_(std::move(owned)), parked_prefix_(std::move(parked_prefix)), delimiter_(delimiter) {
  for (const auto& folder : listed) {
    if (!folder.selectable) continue;
    names_.insert(folder.name);
    if (folder.uidvalidity != UidValidity{}) by_uidvalidity_.emplace(folder.uidvalidity, &folder);
  }
}

std::string TargetFolders::place_of(const TargetIdentity& folder, const std::string& wanted) const {
  const ListedFolder *moved = nullptr, *parked = nullptr;
  std::vector<const ListedFolder*> carried;
  const auto [first, last] = by_uidvalidity_.equal_range(folder.uidvalidity);
  for (auto at = first; at != last; ++at) {
    const auto& f = *at->second;
    if (f.uidnext < folder.uidnext) continue;
    if (f.name == folder.name) return f.name;
    if (f.name == wanted) moved = &f;
    if (f.name.starts_with(parked_prefix_)) parked = &f;
    if (!owned_.contains(f.name) && last_part(f.name, delimiter_) == last_part(folder.name, delimiter_))
      carried.push_back(&f);
  }
  if (moved != nullptr) return moved->name;
  if (parked != nullptr) return parked->name;
  if (names_.contains(folder.name)) return folder.name;  // another one by now, and still what bears the name
  return carried.size() == 1 ? carried.front()->name : "";
}

FolderMoves plan_moves(const MoveInput& input, const std::function<std::string(base::FolderId)>& holding_name,
                       char delimiter) {
  FolderMoves moves;
  std::set<std::string> goals = input.fresh, sources;
  for (const auto& one : input.staying) {
    goals.insert(one.home);
    sources.insert(one.source_name);
    if (!one.place.empty()) moves.steps.push_back({one.place, one.home});
    if (one.home != one.row.target_name || one.source_name != one.row.source_name)
      moves.changes.push_back({one.row.id, one.source_name, one.home});
  }
  const auto staying = moves.steps;
  for (const auto& one : input.vanished) {
    const bool carried = std::any_of(staying.begin(), staying.end(), [&](const auto& step) {
      return step.from != step.to && is_below(one.place, step.from, delimiter);
    });
    std::string name = one.place.empty() ? one.row.target_name : one.place;
    if (carried || goals.contains(name)) {
      name = holding_name(one.row.id);
      if (!one.place.empty()) moves.steps.push_back({one.place, name});
    }
    const bool taken = sources.contains(one.row.source_name);
    if (taken || name != one.row.target_name)
      moves.changes.push_back({one.row.id, taken ? holding_name(one.row.id) : one.row.source_name, name});
  }
  return moves;
}

}  // namespace mirror::plan
