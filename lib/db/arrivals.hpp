// SPDX-License-Identifier: Apache-2.0
#pragma once

// Held deletions that turn out to be halves of a move.

#include <chrono>

#include "db/map.hpp"

namespace mirror::db {

// Releases those of the mailbox's held deletions whose content arrived elsewhere in it, one for one: messages
// that moved while two passes looked (RENAME of INBOX, RFC 9051 6.3.6), or before a pass that died. What
// arrived is what was sent since the mailbox's last pass that ended well, but in a day, is mapped still and
// is not held itself; each deletion of the same content since then has used up one of them. delay: they only
// wait for that time from now on; 0: they may go. What waits for its time already is not touched. How many
// deletions.
Task<std::size_t> release_moved(Pool& pool, Fence fence, std::chrono::seconds delay);

}  // namespace mirror::db
