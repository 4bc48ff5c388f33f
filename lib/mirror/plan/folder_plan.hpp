// SPDX-License-Identifier: Apache-2.0
#pragma once

// (folders on the source, folders on the target, folders remembered) -> what to create, rename, leave. PURE.
// Not seen is not deleted: the caller plans only from a complete, successful LIST, and a vanished folder
// still has to be confirmed by the server's own NO [NONEXISTENT].

#include <map>
#include <set>
#include <string>
#include <vector>

#include "mirror/plan/folder_names.hpp"
#include "mirror/plan/views.hpp"

namespace mirror::plan {

struct FolderRow {
  base::FolderId id{};
  std::string source_name;
  std::string target_name;
  UidValidity source_uidvalidity{};
  Uid source_uidnext{};
  std::string mailboxid;
  std::uint64_t mapped = 0;
  bool subscribed = false;
};

struct ListedFolder {
  std::string name;
  char delimiter = 0;
  UidValidity uidvalidity{};  // 0: not told
  Uid uidnext{};
  std::string mailboxid;
  std::string special_use;  // "\\sent" or empty
  bool subscribed = false;
  bool selectable = true;
};

// Same folder under another name, as far as names and numbers tell. sure: MAILBOXID says so; else the caller
// compares known messages first.
struct RenameCandidate {
  FolderRow row;
  ListedFolder now;
  bool sure = false;
};

struct FolderPlan {
  std::vector<std::pair<FolderRow, ListedFolder>> kept;  // row and what the source lists for it
  std::vector<RenameCandidate> renamed;
  std::vector<ListedFolder> fresh;  // no row yet
  std::vector<FolderRow> vanished;  // row without a folder
  // Kept by name, but another row with an equal UIDVALIDITY lost its folder: the two may have changed places.
  // What is remembered of these counts only after their messages were compared.
  std::vector<base::FolderId> doubtful;
};

FolderPlan plan_folders(const std::vector<FolderRow>& rows, const std::vector<ListedFolder>& source);
// The messages contradict these suggested renames: the folders under the new names are fresh, and every row
// stays with its name where the source lists that (as another folder), else its folder has vanished.
void reject_renames(FolderPlan& plan, std::vector<RenameCandidate> rejected);

// A set of renames as one permutation: every target name is free when its step runs. RENAME takes the
// inferiors along (RFC 9051 section 6.3.6); delimiter 0: a server without hierarchy. Names in a cycle, or
// occupied by a folder that moves later, go through a temporary name (never with a delimiter in it).
// wanted: every from once and every to once. from == to names a folder that has to be there at the end, too:
// it is brought back when a parent carried it away. Two folders wanted under one name: the step the server
// has to refuse comes last.
struct RenameStep {
  std::string from;
  std::string to;
};
std::vector<RenameStep> order_renames(std::vector<RenameStep> wanted, const std::string& temporary_prefix,
                                      char delimiter = 0);

// Subscriptions to change on the target.
struct SubscriptionChange {
  std::string target_name;
  bool subscribe = false;
};
// wanted: every target name in scope and whether it is to be subscribed (names of folders that do not exist,
// too: a subscription may outlive its folder, RFC 9051 section 6.3.7). A target name subscribed and not
// wanted is drift.
std::vector<SubscriptionChange> plan_subscriptions(const std::map<std::string, bool>& wanted,
                                                   const std::vector<ListedFolder>& target,
                                                   const std::set<std::string>& out_of_scope);

}  // namespace mirror::plan
