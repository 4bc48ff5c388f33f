// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the folder steps of a pass share: lists, renames, subscriptions. Private to the room.

#include "mirror/pass.hpp"

namespace mirror::engine {

using FolderPair = std::pair<db::FolderRecord, plan::ListedFolder>;

plan::NameRules name_rules(const Pass& pass, const plan::ListedFolder& folder);
// The selectable folder of that name on the target, as the pass knows it by now; nullptr when there is none.
const plan::ListedFolder* find_on_target(const Pass& pass, const std::string& name);

// holding_names.cpp: the name under which a folder of the target leaves.
std::string holding_name(base::FolderId folder);
// Folders that stand under such a name get their own back, so that this pass plans with what is there. Those
// that cannot are in pass.away.
Task<void> restore_holding_names(Pass& pass);

// folder_renames.cpp: one RENAME on the target, recorded as a step of that folder; false: refused, which is
// noted.
Task<bool> rename_on_target(Pass& pass, base::FolderId folder, const plan::RenameStep& rename);
// ... and what the pass knows of the target's names after it.
void move_on_target(Pass& pass, const plan::RenameStep& step);
// folder_renames.cpp: asks the messages whether what names and numbers suggest is true. What they contradict
// moves to plan.kept, plan.vanished and plan.fresh; plan.renamed holds the confirmed ones.
Task<void> confirm_renames(Pass& pass, plan::FolderPlan& plan);
// Renames on the target, as one permutation, and adds the renamed folders to `pairs`. false: they could not
// be made now; the rows still own their old names.
Task<bool> settle_renames(Pass& pass, plan::FolderPlan& plan, std::vector<FolderPair>& pairs,
                          const std::map<base::FolderId, db::FolderRecord>& records);

}  // namespace mirror::engine
