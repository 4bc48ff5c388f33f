// SPDX-License-Identifier: Apache-2.0
#pragma once

// Deletions that wait: for a person (the mass-delete guard), or only for their time (the link's
// deletion_delay).

#include <chrono>

#include "db/changes.hpp"

namespace mirror::db {

// Deletions let through without being paired with an append.
struct RemovedLately {
  std::uint64_t today = 0;          // of the mailbox, in the last 24 hours
  std::uint64_t link_hour = 0;      // of all mailboxes of its link, in the last hour
  std::uint64_t link_held = 0;      // held because of the whole link, in all of them, and not released
  std::uint64_t link_messages = 0;  // mapped in all of them; read when the two and more exceed unasked
};
Task<RemovedLately> removed_lately(Pool& pool, base::MailboxId mailbox, base::LinkId link, std::uint64_t more,
                                   std::uint64_t unasked);
struct Hold {
  std::string scope;  // mailbox, link: whose limit it is; delay: it only waits for its time
  std::string reason;
  std::chrono::seconds delay{};  // 0: until a person releases it
  std::uint64_t guarded = 0;     // of them count towards the limits of today
};
Task<void> hold_removals(Pool& pool, Fence fence, FolderKey key, std::vector<RemovalResult> removals,
                         Hold hold);
// Held deletions that were released, by an operator or by their time; those no longer wanted are dropped.
Task<UidSet> released_removals(Pool& pool, FolderKey key);
Task<void> drop_held(Pool& pool, FolderKey key, UidSet sources);
// Releases those whose time has come: their mailboxes become dirty. How many mailboxes.
Task<std::size_t> release_due_removals(Pool& pool);

}  // namespace mirror::db
