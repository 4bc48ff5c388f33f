// SPDX-License-Identifier: Apache-2.0
#pragma once

// Mailboxes whose folders changed a moment ago. A session that was open then may list, until something else
// changes, what it knew before (seen with Dovecot 2.3 after a RENAME): passes take new sessions until it is
// quiet, and look once more; the watcher takes a new one at its next poll.

#include <map>
#include <set>

#include "base/clock.hpp"
#include "base/ids.hpp"

namespace mirror::engine {

class FolderChanges {
 public:
  // Folders that change with every look (two programs at odds on the target) are not looked at for ever.
  void seen(base::MailboxId mailbox, base::BootTime quiet_at) {
    watched_.insert(mailbox);
    auto& settles = settles_[mailbox];
    if (++settles.times <= k_most) settles.quiet_at = quiet_at;
  }
  bool settling(base::MailboxId mailbox, base::BootTime now) {
    const auto found = settles_.find(mailbox);
    if (found == settles_.end()) return false;
    if (now < found->second.quiet_at) return true;
    settles_.erase(found);
    return false;
  }
  // For the watcher: true once after a change.
  bool take(base::MailboxId mailbox) { return watched_.erase(mailbox) > 0; }

 private:
  static constexpr int k_most = 8;
  struct Settles {
    int times = 0;
    base::BootTime quiet_at{};
  };
  std::map<base::MailboxId, Settles> settles_;
  std::set<base::MailboxId> watched_;
};

}  // namespace mirror::engine
