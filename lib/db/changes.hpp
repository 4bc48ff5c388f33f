// SPDX-License-Identifier: Apache-2.0
#pragma once

// Changes on a target other than appends: a step row is committed under the fence before anything is sent;
// its result, the history and the map move in one transaction (laws 7 and 12).

#include <string>
#include <vector>

#include "db/map.hpp"

namespace mirror::db {

enum class StepId : std::int64_t {};

// kind: "flags", "expunge", "folder.create", "folder.rename", "folder.delete", "subscribe". detail: JSON
// text.
Task<StepId> open_step(Pool& pool, Fence fence, FolderId folder, std::string kind, std::string detail);
Task<void> close_step(Pool& pool, StepId step);
struct FlagResult {
  Uid source{};
  Uid target{};
  base::FlagSet before;
  base::FlagSet after;
  bool drift = false;
};
Task<void> save_flag_results(Pool& pool, Fence fence, FolderKey key, StepId step, std::string folder_name,
                             std::vector<FlagResult> results);

struct RemovalResult {
  Uid source{};
  Uid target{};
};
// expunged: rows leave the map with a tombstone and history. guarded: how many of them count towards the
// guard's limits of a day.
Task<void> save_removals(Pool& pool, Fence fence, FolderKey key, StepId step, std::string folder_name,
                         std::vector<RemovalResult> expunged, std::uint64_t guarded);
// Rows leave because the target's copy was gone, or with it. Returned: those that left more than once within
// a week, this time included.
struct Lost {
  Uid source{};
  int times = 0;
};
Task<std::vector<Lost>> save_lost(Pool& pool, Fence fence, FolderKey key, std::string folder_name,
                                  std::vector<RemovalResult> lost);
// What a step did to folders; the step is closed. Nothing done: only that.
struct FolderChange {
  std::string kind;  // of the history: "folder.created"
  std::string name;  // the target's
  std::string before;
  std::string after;
};
Task<void> save_folder_changes(Pool& pool, Fence fence, StepId step, std::vector<FolderChange> changes);
}  // namespace mirror::db
