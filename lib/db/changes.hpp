// SPDX-License-Identifier: Apache-2.0
#pragma once

// Changes on a target other than appends: a step row is committed under the fence before anything is sent;
// its result, the history and the map move in one transaction (laws 7 and 12). Extras, held deletions and
// quarantine rows live here too.

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
// expunged: rows leave the map with a tombstone and history. lost: rows leave because the target's copy was
// gone. guarded: how many of them count towards the guard's limits of a day.
Task<void> save_removals(Pool& pool, Fence fence, FolderKey key, StepId step, std::string folder_name,
                         std::vector<RemovalResult> expunged, std::uint64_t guarded);
Task<void> save_lost(Pool& pool, Fence fence, FolderKey key, std::string folder_name,
                     std::vector<RemovalResult> lost);
// What a step did to folders; the step is closed. Nothing done: only that.
struct FolderChange {
  std::string kind;  // of the history: "folder.created"
  std::string name;  // the target's
  std::string before;
  std::string after;
};
Task<void> save_folder_changes(Pool& pool, Fence fence, StepId step, std::vector<FolderChange> changes);
struct Quarantined {
  FolderId folder{};  // 0: the folder itself could not be made
  std::string folder_name;
  std::string kind;  // message, altered, flag, folder, not_kept
  UidValidity source_uidvalidity{};
  Uid source{};
  std::string code;
  std::string wanted;
  std::string got;
  std::string server_text;
  std::uint64_t size = 0;
};
Task<void> quarantine(Pool& pool, base::MailboxId mailbox, std::vector<Quarantined> rows);
Task<void> release_quarantine(Pool& pool, base::MailboxId mailbox, std::string folder_name, std::string kind,
                              UidValidity source_uidvalidity, std::vector<Uid> sources);

}  // namespace mirror::db
