// SPDX-License-Identifier: Apache-2.0
#pragma once

// The watchers of a set of mailboxes. Each is a group of its own: one mailbox that comes or goes costs the
// others neither a connection nor a compare. Those above engine.watch_limit share a poll.

#include <map>
#include <memory>

#include "mirror/watcher.hpp"
#include "net/task_group.hpp"

namespace mirror::engine {

class Watchers {
 public:
  // world and heard outlive it. end() before it is destroyed.
  Watchers(World& world, Heard& heard, net::asio::any_io_executor executor);

  // Those not wanted any more end, those that are new begin. wanted: in the order of ids.
  Task<void> become(std::vector<db::WatchedMailbox> wanted);
  // Throws what a watcher ended with: none ends by itself.
  Task<void> check();
  // All of them end, whatever with.
  Task<void> end();

 private:
  struct Watched {
    db::WatchedMailbox mailbox;
    std::unique_ptr<net::TaskGroup> group;
  };
  // What each polled mailbox had when it was asked before.
  using Statuses = std::map<base::MailboxId, std::map<std::string, std::string>>;

  Task<void> end_others(const std::vector<db::WatchedMailbox>& wanted);
  Task<void> poll(std::vector<db::WatchedMailbox> mailboxes);
  Task<void> keep_polling(std::vector<db::WatchedMailbox> mailboxes);

  World& world_;
  Heard& heard_;
  net::asio::any_io_executor executor_;
  std::map<base::MailboxId, Watched> watched_;
  std::vector<db::WatchedMailbox> polled_;
  net::TaskGroup polling_;
  Statuses statuses_;
};

}  // namespace mirror::engine
