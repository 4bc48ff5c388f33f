// SPDX-License-Identifier: Apache-2.0
#pragma once

// The ledger of sends (law 3). Intents are committed before the octets that could complete a message leave;
// an answered intent stays as the record of what was sent.

#include <optional>
#include <vector>

#include "db/map.hpp"

namespace mirror::db {

struct Intent {
  base::IntentId id{};  // filled by open_intents and load
  Uid source{};
  Uid floor{};  // target UIDNEXT before the send
  std::uint64_t size = 0;
  base::InternalDate date;
  std::int64_t message_id_hash = 0;
  base::FlagSet flags;  // not stored; carried to the map row
  std::optional<base::Digest> digest;
  std::uint64_t length = 0;  // octets fetched; not stored, carried to the map row
  bool greeting = false;     // not stored, carried to the map row
  std::string state;         // as loaded
  bool begun = false;        // its command was begun; not stored
};

// Commits a window of intents under the fence; ids in the same order. Throws MRD-MIR-006/008.
Task<std::vector<base::IntentId>> open_intents(Pool& pool, Fence fence, FolderKey key,
                                               std::vector<Intent> intents);
// The fence alone, for work that takes longer than a permission lasts. Throws MRD-MIR-006/008.
Task<void> confirm_writable(Pool& pool, Fence fence);
// The digests of a window, committed before the last octet of the last message; checks the fence again.
Task<void> save_digests(Pool& pool, Fence fence, std::vector<Intent> intents);
// Open intents, and absent ones (concluded as not stored: what may still surface as a late copy).
Task<std::vector<Intent>> load_intents(Pool& pool, FolderKey key);

// One stored message: the map row, the ledger's answer and the history in one transaction.
struct Stored {
  Intent intent;  // id 0: adopted without an intent
  Uid target{};
  std::optional<base::Digest> target_digest;  // set when it differs from the source's
  // As the target's server tells, what a deletion checks; 0: could not be asked.
  std::uint64_t target_size = 0;
  std::int64_t target_date = 0;
  bool adopted = false;
};
struct WindowResult {
  std::string folder_name;   // target's, for the history
  std::string mailbox_name;  // for the event
  std::vector<Stored> stored;
  std::vector<base::IntentId> absent;   // concluded: not stored
  std::vector<base::IntentId> refused;  // the server said NO and kept nothing
  Uid target_uidnext{};                 // new floor; 0: unchanged
};
Task<void> save_window(Pool& pool, Fence fence, FolderKey key, WindowResult result);

// A connection ended with these sends; and those of the same window that were never begun, so that nothing of
// them can be stored.
Task<void> save_lost_sends(Pool& pool, Fence fence, std::vector<base::IntentId> lost,
                           std::vector<base::IntentId> never_begun);

// A late copy removed: the ledger row that explains it is spent.
Task<void> spend_late_copy(Pool& pool, Fence fence, FolderKey key, base::IntentId intent, Uid target,
                           std::string folder_name);

// A send of which nothing was found may be stored yet by a server that hung: its mailbox becomes dirty 10 s
// after it, then at twice the time, up to 43 minutes. How many mailboxes.
Task<std::size_t> look_for_late_copies(Pool& pool);

}  // namespace mirror::db
