// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/folder_plan.hpp"

#include <algorithm>

namespace mirror::plan {

namespace {

bool same_name(const std::string& a, const std::string& b) {
  return a == b || (is_inbox(a) && is_inbox(b));
}

bool known(UidValidity uidvalidity) {
  return uidvalidity != UidValidity{};
}

bool both_told(const FolderRow& row, const ListedFolder& folder) {
  return !row.mailboxid.empty() && !folder.mailboxid.empty();
}

// Under the same name: the same folder unless something that both sides know says otherwise. A lower UIDNEXT
// under an equal UIDVALIDITY is another folder: some servers number folders made within one second alike.
bool same_identity(const FolderRow& row, const ListedFolder& folder) {
  if (both_told(row, folder)) return row.mailboxid == folder.mailboxid;
  if (!known(row.source_uidvalidity) || !known(folder.uidvalidity)) return true;
  return row.source_uidvalidity == folder.uidvalidity &&
         (folder.uidnext == Uid{} || folder.uidnext >= row.source_uidnext);
}

// RENAME of INBOX leaves INBOX where it is (RFC 9051 section 6.3.6), and nothing can be renamed to it.
bool can_move(const FolderRow& row, const ListedFolder& folder) {
  return !is_inbox(row.source_name) && !is_inbox(folder.name);
}

bool surely_moved(const FolderRow& row, const ListedFolder& folder) {
  return can_move(row, folder) && both_told(row, folder) && row.mailboxid == folder.mailboxid;
}

// UIDVALIDITY alone is no identity, and an empty folder has nothing to tell it by.
bool may_have_moved(const FolderRow& row, const ListedFolder& folder) {
  return can_move(row, folder) && !both_told(row, folder) && row.mapped > 0 &&
         known(row.source_uidvalidity) && row.source_uidvalidity == folder.uidvalidity &&
         folder.uidnext >= row.source_uidnext;
}

// Rows and listed folders that have no partner yet, both in the order given.
struct Unpaired {
  std::vector<const FolderRow*> rows;
  std::vector<const ListedFolder*> folders;
};

// Each row takes the first folder that fits; paired(row, folder) is called and both leave.
template <class Fits, class Paired>
void pair_off(Unpaired& left, const Fits& fits, const Paired& paired) {
  std::erase_if(left.rows, [&](const FolderRow* row) {
    const auto found = std::find_if(left.folders.begin(), left.folders.end(),
                                    [&](const auto* folder) { return fits(*row, *folder); });
    if (found == left.folders.end()) return false;
    paired(*row, **found);
    left.folders.erase(found);
    return true;
  });
}

// Pairs that nobody else fits: neither the row nor the folder has a second candidate.
void pair_unambiguous(Unpaired& left, FolderPlan& plan) {
  std::map<const FolderRow*, const ListedFolder*> only;
  std::map<const FolderRow*, int> of_row;
  std::map<const ListedFolder*, int> of_folder;
  for (const auto* row : left.rows)
    for (const auto* folder : left.folders)
      if (may_have_moved(*row, *folder)) {
        only[row] = folder;
        ++of_row[row];
        ++of_folder[folder];
      }
  pair_off(
      left,
      [&](const FolderRow& row, const ListedFolder& folder) {
        const auto found = only.find(&row);
        return found != only.end() && found->second == &folder && of_row[&row] == 1 &&
               of_folder[&folder] == 1;
      },
      [&](const FolderRow& row, const ListedFolder& folder) {
        plan.renamed.push_back({row, folder, false});
      });
}

Unpaired unpaired(const std::vector<FolderRow>& rows, const std::vector<ListedFolder>& source) {
  Unpaired left;
  for (const auto& row : rows) left.rows.push_back(&row);
  // Some servers list a name twice (two namespaces, or a subscription beside the folder).
  for (const auto& folder : source)
    if (folder.selectable && std::none_of(left.folders.begin(), left.folders.end(), [&](const auto* other) {
          return same_name(other->name, folder.name);
        }))
      left.folders.push_back(&folder);
  return left;
}

}  // namespace

FolderPlan plan_folders(const std::vector<FolderRow>& rows, const std::vector<ListedFolder>& source) {
  FolderPlan plan;
  Unpaired left = unpaired(rows, source);
  const auto keep = [&](const FolderRow& row, const ListedFolder& folder) {
    plan.kept.emplace_back(row, folder);
  };
  const auto named_alike = [](const FolderRow& row, const ListedFolder& folder) {
    return same_name(row.source_name, folder.name);
  };
  // What is sure comes first, so that no guess takes a folder away from the row that owns it.
  pair_off(
      left,
      [&](const FolderRow& row, const ListedFolder& folder) {
        return named_alike(row, folder) && both_told(row, folder) && same_identity(row, folder);
      },
      keep);
  pair_off(left, surely_moved, [&](const FolderRow& row, const ListedFolder& folder) {
    plan.renamed.push_back({row, folder, true});
  });
  pair_off(
      left,
      [&](const FolderRow& row, const ListedFolder& folder) {
        return named_alike(row, folder) && same_identity(row, folder);
      },
      keep);
  for (const auto& [row, folder] : plan.kept)
    if (row.mapped > 0 && !both_told(row, folder) &&
        std::any_of(left.rows.begin(), left.rows.end(),
                    [&](const auto* other) { return may_have_moved(*other, folder); }))
      plan.doubtful.push_back(row.id);
  pair_unambiguous(left, plan);
  // The same name with another identity: the row stays with the name, its messages are matched anew.
  pair_off(left, named_alike, keep);
  for (const auto* row : left.rows) plan.vanished.push_back(*row);
  for (const auto* folder : left.folders) plan.fresh.push_back(*folder);
  return plan;
}

void reject_renames(FolderPlan& plan, std::vector<RenameCandidate> rejected) {
  for (auto& one : rejected) {
    plan.vanished.push_back(std::move(one.row));
    plan.fresh.push_back(std::move(one.now));
  }
  std::erase_if(plan.vanished, [&](const FolderRow& row) {
    const auto under_its_name = std::find_if(plan.fresh.begin(), plan.fresh.end(), [&](const auto& folder) {
      return same_name(row.source_name, folder.name);
    });
    if (under_its_name == plan.fresh.end()) return false;
    plan.kept.emplace_back(row, *under_its_name);
    plan.fresh.erase(under_its_name);
    return true;
  });
}

std::vector<SubscriptionChange> plan_subscriptions(const std::map<std::string, bool>& wanted,
                                                   const std::vector<ListedFolder>& target,
                                                   const std::set<std::string>& out_of_scope) {
  std::set<std::string> has;
  for (const auto& folder : target)
    if (folder.subscribed) has.insert(is_inbox(folder.name) ? "INBOX" : folder.name);
  std::vector<SubscriptionChange> changes;
  for (const auto& [name, subscribed] : wanted)
    if (subscribed != has.contains(name)) changes.push_back({name, subscribed});
  for (const auto& name : has)
    if (!wanted.contains(name) && !out_of_scope.contains(name)) changes.push_back({name, false});
  return changes;
}

}  // namespace mirror::plan
