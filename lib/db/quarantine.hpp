// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the target refuses, alters or does not keep: a row each, until the source or the target's answer
// changes (law 6). It is tried again when its time has come, or when a person asks.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "db/map.hpp"

namespace mirror::db {

// So often is a message sent that the target does not keep, before it waits; as quarantine_sends has it.
constexpr int k_not_kept_attempts = 3;

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
  int attempts = 1;  // up to now, where no row counted them
};
// Adds rows, or one more attempt to those that are there; each further one doubles the time until the next,
// from an hour to a day. Of kind not_kept the first are tried again at once (quarantine_sends), and what was
// lost with its connection (any code but MRD-MIR-003) waits from 15 s on. What was altered is told, and not
// tried again. Returned: what waits now.
Task<std::set<Uid>> quarantine(Pool& pool, base::MailboxId mailbox, std::vector<Quarantined> rows);
// By source UID.
Task<std::map<Uid, base::LostFlags>> lost_flags(Pool& pool, FolderKey key);
Task<void> release_flags(Pool& pool, FolderKey key, std::vector<base::LostFlag> flags);
Task<void> release_quarantine(Pool& pool, FolderId folder, std::string kind, UidValidity source_uidvalidity,
                              std::vector<Uid> sources);
// Of kind folder, what both stores' folder lists say is settled: refused ones that the source has no more or
// the target has by now, those that stayed with others' messages (MRD-MIR-012) and are mirrored again or
// gone.
Task<void> release_settled_folders(Pool& pool, base::MailboxId mailbox, std::vector<std::string> on_source,
                                   std::vector<std::string> on_target);

}  // namespace mirror::db
