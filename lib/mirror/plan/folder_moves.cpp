// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/folder_moves.hpp"

#include <algorithm>

namespace mirror::plan {

namespace {

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

FolderMoves plan_moves(MoveInput input, const std::function<std::string(base::FolderId)>& holding_name,
                       char delimiter) {
  FolderMoves moves;
  std::set<std::string> goals = std::move(input.fresh), sources;
  for (const auto& one : input.staying) {
    goals.insert(one.home);
    sources.insert(one.source_name);
    if (!one.place.empty()) moves.steps.push_back({one.place, one.home});
    if (one.home != one.row.target_name || one.source_name != one.row.source_name)
      moves.changes.push_back({one.row.id, one.source_name, one.home});
  }
  // Parents first: what leaves takes its own inferiors along, too.
  std::sort(input.vanished.begin(), input.vanished.end(),
            [](const auto& a, const auto& b) { return a.place.size() < b.place.size(); });
  for (const auto& one : input.vanished) {
    const bool displaced = !one.place.empty() && one.place != one.row.target_name;
    const bool carried = std::any_of(moves.steps.begin(), moves.steps.end(), [&](const auto& step) {
      return step.from != step.to && is_below(one.place, step.from, delimiter);
    });
    const bool shared =
        std::any_of(input.strangers.begin(), input.strangers.end(),
                    [&](const auto& stranger) { return is_below(stranger, one.place, delimiter); });
    std::string name = one.place.empty() ? one.row.target_name : one.place;
    if (goals.contains(name) || ((carried || displaced) && !shared)) {
      name = holding_name(one.row.id);
      if (!one.place.empty() && one.place != name) moves.steps.push_back({one.place, name});
    }
    const bool taken = sources.contains(one.row.source_name);
    if (taken || name != one.row.target_name)
      moves.changes.push_back({one.row.id, taken ? holding_name(one.row.id) : one.row.source_name, name});
  }
  return moves;
}

}  // namespace mirror::plan
