// SPDX-License-Identifier: Apache-2.0
#pragma once

// One window of messages from the source to the target (law 3): intents are committed before the last octet
// of the first literal leaves, digests before the last octet of the last. Literals stream meanwhile; nothing
// holds a message.

#include "mirror/pass.hpp"

namespace mirror::engine {

struct WindowOutcome {
  std::vector<db::Stored> stored;             // answered with a UID
  std::vector<db::Intent> unresolved;         // sent, but the answer does not say what is stored
  std::vector<db::Intent> gone;               // never sent: not on the source any more
  base::UidSet alterable;                     // by source UID: see AlterableHeader
  bool multi = false;                         // one command for all of them
  std::optional<imap::Reply> refusal;         // of that command
  std::map<base::Uid, imap::Reply> refusals;  // by source UID, where each has a command of its own
};

// The source has the folder EXAMINEd. A lost connection throws, after the target was closed: what was
// withheld never left.
Task<WindowOutcome> send_window(Pass& pass, FolderWork& folder, std::vector<plan::CopyItem> items,
                                bool allow_multi);

}  // namespace mirror::engine
