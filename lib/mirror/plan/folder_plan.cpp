// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/folder_plan.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace mirror::plan {

namespace {

bool same_name(const FolderRow& row, const ListedFolder& folder) {
  return row.source_name == folder.name || (is_inbox(row.source_name) && is_inbox(folder.name));
}

// Under the same name: the same folder unless an identity that both sides know says otherwise.
bool same_identity(const FolderRow& row, const ListedFolder& folder) {
  if (!row.mailboxid.empty() && !folder.mailboxid.empty()) return row.mailboxid == folder.mailboxid;
  if (row.source_uidvalidity == UidValidity{} || folder.uidvalidity == UidValidity{}) return true;
  return row.source_uidvalidity == folder.uidvalidity;
}

// Could this row have moved to that folder? UIDVALIDITY alone is no identity (folders made in one second
// share it).
bool may_have_moved(const FolderRow& row, const ListedFolder& folder) {
  if (!row.mailboxid.empty() && !folder.mailboxid.empty()) return row.mailboxid == folder.mailboxid;
  return row.mapped > 0 && row.source_uidvalidity != UidValidity{} &&
         row.source_uidvalidity == folder.uidvalidity && folder.uidnext >= row.source_uidnext;
}

}  // namespace

FolderPlan plan_folders(const std::vector<FolderRow>& rows, const std::vector<ListedFolder>& source) {
  FolderPlan plan;
  std::set<const ListedFolder*> free;
  for (const auto& folder : source)
    if (folder.selectable) free.insert(&folder);
  std::vector<const FolderRow*> open;

  for (const auto& row : rows) {
    const auto same = std::find_if(free.begin(), free.end(), [&](const auto* f) {
      return same_name(row, *f) && same_identity(row, *f);
    });
    if (same == free.end()) {
      open.push_back(&row);
      continue;
    }
    plan.kept.emplace_back(row, **same);
    free.erase(same);
  }
  std::vector<const FolderRow*> unmoved;
  for (const auto* row : open) {
    std::vector<const ListedFolder*> fits;
    for (const auto* folder : free)
      if (!is_inbox(row->source_name) && may_have_moved(*row, *folder)) fits.push_back(folder);
    if (fits.size() != 1) {  // none, or ambiguous: delete and create
      unmoved.push_back(row);
      continue;
    }
    const bool sure = !row->mailboxid.empty() && row->mailboxid == fits[0]->mailboxid;
    plan.renamed.push_back({*row, *fits[0], sure});
    free.erase(fits[0]);
  }
  for (const auto* row : unmoved) {
    // The same name with another identity: the row stays with the name, its messages are matched anew.
    const auto same =
        std::find_if(free.begin(), free.end(), [&](const auto* f) { return same_name(*row, *f); });
    if (same != free.end()) {
      plan.kept.emplace_back(*row, **same);
      free.erase(same);
    } else {
      plan.vanished.push_back(*row);
    }
  }
  for (const auto& folder : source)
    if (free.contains(&folder)) plan.fresh.push_back(folder);
  return plan;
}

std::vector<RenameStep> order_renames(std::vector<RenameStep> wanted, const std::string& temporary_prefix) {
  std::vector<RenameStep> steps;
  std::erase_if(wanted, [](const RenameStep& step) { return step.from == step.to; });
  int temporary = 0;
  while (!wanted.empty()) {
    std::set<std::string> occupied;
    for (const auto& step : wanted) occupied.insert(step.from);
    const auto free_target = std::find_if(
        wanted.begin(), wanted.end(), [&](const RenameStep& step) { return !occupied.contains(step.to); });
    if (free_target != wanted.end()) {
      steps.push_back(*free_target);
      wanted.erase(free_target);
      continue;
    }
    // Only cycles are left: break one.
    const std::string parked = temporary_prefix + std::to_string(++temporary);
    steps.push_back({wanted.front().from, parked});
    wanted.front().from = parked;
  }
  return steps;
}

std::vector<SubscriptionChange> plan_subscriptions(const std::map<std::string, bool>& wanted,
                                                   const std::vector<ListedFolder>& target,
                                                   const std::set<std::string>& out_of_scope) {
  std::set<std::string> has;
  for (const auto& folder : target)
    if (folder.subscribed) has.insert(folder.name);
  std::vector<SubscriptionChange> changes;
  for (const auto& [name, subscribed] : wanted)
    if (subscribed != has.contains(name)) changes.push_back({name, subscribed});
  for (const auto& name : has)
    if (!wanted.contains(name) && !out_of_scope.contains(name)) changes.push_back({name, false});
  return changes;
}

}  // namespace mirror::plan
