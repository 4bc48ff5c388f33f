// SPDX-License-Identifier: Apache-2.0
#pragma once

// One mailbox watched on one connection, by what the server offers: NOTIFY with nothing selected, else IDLE,
// else a poll.

#include <map>

#include "mirror/watch.hpp"

namespace mirror::engine {

// What watchers heard, collected and written in batches: dirty rows at once, counts and times a little later.
class Heard {
 public:
  explicit Heard(World& world) : world_(world) {}
  // impact: the mailbox becomes dirty.
  Task<void> event(const db::WatchedMailbox& mailbox, std::string kind, std::string cause, bool impact);
  void alive(base::MailboxId mailbox, const std::string& method) { alive_[method].push_back(mailbox); }
  void count(base::StoreId store, const std::string& kind, bool impact) { ++counts_[{store, kind, impact}]; }
  Task<void> flush();

 private:
  World& world_;
  std::map<std::string, std::vector<base::MailboxId>> alive_;
  std::map<std::tuple<base::StoreId, std::string, bool>, std::int64_t> counts_;
};

// One connection's life; ends by exception (a lost connection), or returns when another one is to take over
// (FolderChanges). polled: only LIST-STATUS, because there are too many mailboxes for a connection each.
Task<void> watch_mailbox(World& world, Heard& heard, db::WatchedMailbox mailbox,
                         std::shared_ptr<const Store> store);
Task<void> poll_mailbox(World& world, Heard& heard, db::WatchedMailbox mailbox,
                        std::map<std::string, std::string>& last);

}  // namespace mirror::engine
