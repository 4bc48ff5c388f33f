// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a mailbox got since its last pass that ended well, but in a day: what deletions are paired with. A
// pass that ended between its appends and its deletions leaves it to the next one. Counted are messages that
// are mapped and not held; each deletion of the same content since then has used up one of them.

#include <chrono>
#include <vector>

#include "db/map.hpp"

namespace mirror::db {

struct Arrival {
  FolderId folder{};
  UidValidity source_uidvalidity{};
  Uid source{};
  std::uint64_t size = 0;
  std::int64_t date = 0;  // unix seconds
  std::int64_t message_id_hash = 0;
};
Task<std::vector<Arrival>> load_arrivals(Pool& pool, base::MailboxId mailbox);

// Releases those of the mailbox's held deletions whose content arrived elsewhere in it, one for one: messages
// that moved while two passes looked (RENAME of INBOX, RFC 9051 6.3.6). delay: they only wait for that time
// from now on; 0: they may go. What waits for its time already is not touched. How many deletions.
Task<std::size_t> release_moved(Pool& pool, Fence fence, std::chrono::seconds delay);

}  // namespace mirror::db
