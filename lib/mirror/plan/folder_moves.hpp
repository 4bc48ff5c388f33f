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

// A row, where its folder stands ("": nowhere), and the name it is to have there.
struct Placed {
  FolderRow row;
  std::string place;
  std::string home;
  std::string source_name;  // by which its row is to know it
};

struct MoveInput {
  std::vector<Placed> staying;        // kept and renamed
  std::vector<Placed> vanished;       // home and source_name are not used
  std::set<std::string> fresh;        // target names of folders that are new
  std::set<std::string> strangers{};  // names of folders on the target that no row has
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

// A vanished folder that a rename would carry along, that stands elsewhere than its row says, or whose place
// another one needs, leaves for its holding name; but with somebody else's folder below it, it is carried. It
// keeps its source name while nobody else has that, so that it is known should it come back.
FolderMoves plan_moves(MoveInput input, const std::function<std::string(base::FolderId)>& holding_name,
                       char delimiter);

}  // namespace mirror::plan
