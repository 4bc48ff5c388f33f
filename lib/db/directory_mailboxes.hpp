// SPDX-License-Identifier: Apache-2.0
#pragma once

// Mailboxes that come from the directory: who is in it has one on the link, under the name it has now.

#include "db/directory.hpp"

namespace mirror::db {

struct MailboxesFromDirectory {
  std::int64_t added = 0, renamed = 0, back = 0, gone = 0;
  std::int64_t busy = 0;     // to be renamed, and a pass is at work on it: ask again
  std::int64_t clashes = 0;  // could not get the name: another mailbox has it
  bool held = false;         // too many would go
};
// After a complete reading of production and of its members. A mailbox whose subscriber is gone takes part no
// more; its messages stay. A renamed one keeps its map, its history and its messages. When more than percent
// of a hundred would go (and more than five), none goes.
Task<MailboxesFromDirectory> mailboxes_from_directory(Pool& pool, RunId run, LinkId link,
                                                      std::int64_t percent);

}  // namespace mirror::db
