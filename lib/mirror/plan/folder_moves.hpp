// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the renames of a pass do to all folders of the target: where each stands, and where it has to be.
// PURE. RENAME takes the inferiors along (RFC 9051 section 6.3.6), those that are gone from the source as
// well: none may be forgotten where it was taken to.

#include <functional>

#include "mirror/plan/folder_plan.hpp"

namespace mirror::plan {

// What is empty has nothing to tell it by; below a folder whose rename is confirmed, its name does: the same
// name there with the same UIDVALIDITY is the same folder. Moves such rows from vanished (and their folders
// from fresh) to renamed. Called after the renames were confirmed.
void follow_parents(FolderPlan& plan);

// A row's folder on the target as it was last seen. 0: never looked into.
struct TargetIdentity {
  std::string name;
  UidValidity uidvalidity{};
  Uid uidnext{};
};

// What the target listed, to look for a folder in it. `listed` must outlive it.
class TargetFolders {
 public:
  // owned: target names of all rows; parked_prefix: of temporary names.
  TargetFolders(const std::vector<ListedFolder>& listed, std::set<std::string> owned,
                std::string parked_prefix, char delimiter);

  // Where the folder stands now: under its name; else, by UIDVALIDITY and UIDNEXT, under the name it was to
  // get, under a temporary one, or where a RENAME of its parent took it that was never recorded (the same
  // last part, and nobody's). Empty: nowhere.
  std::string place_of(const TargetIdentity& folder, const std::string& wanted) const;

 private:
  std::set<std::string> owned_;
  std::string parked_prefix_;
  char delimiter_;
  std::set<std::string_view> names_;
  std::multimap<UidValidity, const ListedFolder*> by_uidvalidity_;
};

// A row, where its folder stands ("": nowhere), and the name it is to have there.
struct Placed {
  FolderRow row;
  std::string place;
  std::string home;
  std::string source_name;  // by which its row is to know it
};

struct MoveInput {
  std::vector<Placed> staying;   // kept and renamed
  std::vector<Placed> vanished;  // home and source_name are not used
  std::set<std::string> fresh;   // target names of folders that are new
};

struct NameChange {
  base::FolderId folder{};
  std::string source_name;
  std::string target_name;
};

struct FolderMoves {
  std::vector<RenameStep> steps;    // for order_renames
  std::vector<NameChange> changes;  // of the rows, true when all steps are done
};

// A vanished folder that a rename would carry along, or whose place another one needs, leaves for its holding
// name first. It keeps its source name while nobody else has that, so that it is known should it come back.
FolderMoves plan_moves(const MoveInput& input, const std::function<std::string(base::FolderId)>& holding_name,
                       char delimiter);

}  // namespace mirror::plan
