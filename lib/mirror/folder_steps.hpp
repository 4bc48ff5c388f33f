// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the folder steps of a pass share: lists, renames, subscriptions. Private to the room.

#include "mirror/pass.hpp"
#include "mirror/plan/folder_moves.hpp"

namespace mirror::engine {

using FolderPair = std::pair<db::FolderRecord, plan::ListedFolder>;
using RecordsById = std::map<base::FolderId, db::FolderRecord>;

plan::FolderRow plan_row(const db::FolderRecord& record);
plan::NameRules name_rules(const Pass& pass, const plan::ListedFolder& folder);
// The selectable folder of that name on the target, as the pass knows it by now; nullptr when there is none.
const plan::ListedFolder* find_on_target(const Pass& pass, const std::string& name);

// vanished.cpp: the target lists no such folder and says so when asked for it.
Task<bool> gone_from_target(Pass& pass, const std::string& name);

// holding_names.cpp: the name under which a folder of the target leaves.
std::string holding_name(base::FolderId folder);
// Folders that stand under such a name get their own back, so that this pass plans with what is there. Those
// that cannot are in pass.away.
Task<void> restore_holding_names(Pass& pass);

// folder_renames.cpp: one RENAME on the target, recorded as a step of that folder; what the server said.
Task<imap::Reply> rename_on_target(Pass& pass, base::FolderId folder, const plan::RenameStep& rename);
// ... and what the pass knows of the target's names after it.
void move_on_target(Pass& pass, const plan::RenameStep& step);
// folder_renames.cpp: a rename that numbers alone suggest is confirmed by messages: the same UIDs with the
// same dates. What is sure already is not asked.
Task<bool> confirm_rename(Pass& pass, const plan::RenameCandidate& candidate);
// folder_renames.cpp: asks the messages whether what names and numbers suggest is true. What they contradict
// moves to plan.kept, plan.vanished and plan.fresh; plan.renamed holds the confirmed ones.
Task<void> confirm_renames(Pass& pass, plan::FolderPlan& plan);
// folder_places.cpp: fills pass.places. A folder stands under its row's name, unless its UIDVALIDITY or
// UIDNEXT say that this is another one; then, by its messages, wherever a RENAME took it that was never
// recorded.
Task<void> find_places(Pass& pass);
// folder_moves.cpp: where they have to be.
struct ConfirmedRename {
  db::FolderRecord record;
  plan::ListedFolder now;
  std::string to;
};
// Temporary names begin with it; none has a delimiter.
inline constexpr std::string_view k_parked = "mirrord-rename-";
plan::MoveInput moves_of(const Pass& pass, const plan::FolderPlan& plan,
                         const std::vector<ConfirmedRename>& confirmed, const RecordsById& records);
// The server refused a rename. What was done by then is found by the next pass; until then no folder is made
// in the place of one that stands elsewhere, and none that is new takes the place of one that has to leave.
void leave_as_they_are(Pass& pass, plan::FolderPlan& plan);
// What was carried along and goes from where it is: its row has to know the place.
void add_carried(const Pass& pass, const plan::FolderPlan& plan, std::vector<plan::NameChange>& changes);
// The rows' names, in the database and in what this pass goes on with.
Task<void> save_names(Pass& pass, plan::FolderPlan& plan, RecordsById& records,
                      const std::vector<plan::NameChange>& changes);

// folder_renames.cpp: renames on the target, as one permutation, with everything that they carry along; the
// kept and the renamed folders, under the names their rows then have. What is left in plan.renamed could not
// be made now: those rows still own their old names.
Task<std::vector<FolderPair>> settle_renames(Pass& pass, plan::FolderPlan& plan, RecordsById& records);

}  // namespace mirror::engine
