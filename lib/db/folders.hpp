// SPDX-License-Identifier: Apache-2.0
#pragma once

// Folder rows: names on both sides, checkpoints, what STATUS said when all was equal. The checkpoint moves
// last and holds EXAMINE's answers from the start of the pass (law 8).

#include <map>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/uid_set.hpp"
#include "db/fence.hpp"
#include "db/pool.hpp"

namespace mirror::db {

using base::FolderId;
using base::ModSeq;
using base::Uid;
using base::UidSet;
using base::UidValidity;

struct FolderRecord {
  FolderId id{};
  std::string source_name;
  std::string target_name;
  UidValidity source_uidvalidity{};
  Uid source_uidnext{};
  ModSeq source_modseq{};
  UidValidity target_uidvalidity{};
  Uid target_uidnext{};  // floor: every UID below was looked at
  ModSeq target_modseq{};
  std::string source_status;  // STATUS text before the last complete pass; equal text = nothing happened
  std::string target_status;
  std::string mailboxid;
  std::string special_use;
  bool subscribed = false;
  bool greetings = false;
  std::string state;  // active, refused, leaving
  bool memory = true;
  bool made_anew = false;  // another source UIDVALIDITY than before, and no pass judged its deletions since
  bool refused = false;    // quarantined: the target refuses the folder, and it is not yet time to ask again
  // counts under the current UIDVALIDITYs
  std::uint64_t mapped = 0;
  std::uint64_t octets = 0;
  std::uint64_t greeting_messages = 0;
  std::uint64_t open_intents = 0;
  std::uint64_t foreign = 0;
  std::uint64_t unknown = 0;
  UidSet extra_uids;   // target UIDs of foreign and unknown messages
  UidSet quarantined;  // source UIDs waiting, not mapped
  UidSet due;          // ... and those whose time to be tried again has come
  UidSet tried;        // source UIDs of sends with which a connection ended, within a day
  UidSet tried_again;  // ... more than once
  UidSet held;         // source UIDs whose deletion is held
  UidSet released;     // ... and those whose deletion was released and is not done
  Uid witness{};       // the highest source UID that is mapped; 0: none
  UidSet orphans;      // target UIDs mapped under an earlier source UIDVALIDITY, so copies of what is gone
};

Task<std::vector<FolderRecord>> load_folders(Pool& pool, base::MailboxId mailbox);
// Of each folder the mapped messages that were judged to be greetings; a folder without any is missing.
Task<std::map<FolderId, std::int64_t>> count_greetings(Pool& pool, base::MailboxId mailbox);
// What a pass starts from, in one transaction: the steps an earlier one left open are closed as recovered,
// and its run is known (0: none waits for this mailbox).
struct PassStart {
  base::RunId run{};
  std::vector<FolderRecord> folders;
};
// dry_run: suspect rows of the map stay; else they are forgotten.
Task<PassStart> begin_pass(Pool& pool, Fence fence, bool dry_run);
// Their ids, in the same order. Throws MRD-DB-005 when a name on either side belongs to another folder.
Task<std::vector<FolderId>> add_folders(Pool& pool, base::MailboxId mailbox,
                                        std::vector<FolderRecord> folders);
struct FolderRename {
  FolderId folder{};
  std::string source_name;
  std::string target_name;
};
// All at once: a permutation of names passes only as a whole.
Task<void> rename_folders(Pool& pool, Fence fence, std::vector<FolderRename> renames);
Task<void> remove_folder(Pool& pool, Fence fence, FolderRecord folder);
Task<void> set_folder_state(Pool& pool, FolderId folder, std::string state);
// Everything remembered of messages under another pair of UIDVALIDITYs is dropped from the map (tombstoned
// first); unmatched messages found later are unknown.
Task<void> forget_messages(Pool& pool, Fence fence, FolderId folder, UidValidity source, UidValidity target);
// Only the source's UIDVALIDITY changed: the rows stay, as orphans. A copy that matches a message of the new
// folder is mapped anew; what is left was mirrored by us and is gone from the source.
Task<void> orphan_messages(Pool& pool, Fence fence, FolderId folder, UidValidity source);

struct Checkpoint {
  FolderId folder{};
  UidValidity source_uidvalidity{};
  Uid source_uidnext{};
  ModSeq source_modseq{};
  std::uint32_t source_exists = 0;
  UidValidity target_uidvalidity{};
  Uid target_uidnext{};
  ModSeq target_modseq{};
  std::uint32_t target_exists = 0;
  std::string source_status;
  std::string target_status;
  std::string mailboxid;
  std::string special_use;
  bool subscribed = false;
  bool greetings = false;
};
// judged: so were the deletions in every folder of the mailbox.
Task<void> save_checkpoints(Pool& pool, Fence fence, std::vector<Checkpoint> checkpoints, bool judged);
// The target's UIDVALIDITY and floor as first seen, before anything is sent there.
Task<void> set_target_identity(Pool& pool, Fence fence, FolderId folder, UidValidity source,
                               UidValidity target, bool memory);

}  // namespace mirror::db
