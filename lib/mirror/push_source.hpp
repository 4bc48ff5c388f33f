// SPDX-License-Identifier: Apache-2.0
#pragma once

// A store-wide push source: another program posts what happened to any user of a store. Events say that
// something changed, never what is true. There is no queue at the other end: what is posted while nobody
// listens is lost, so every start compares the mailboxes of stores that have no other watch.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "mirror/pass.hpp"
#include "mirror/wake.hpp"

namespace mirror::engine {

// One event of a whole store, whoever told it.
struct StoreEvent {
  std::string user;
  std::string kind;                  // login, deposit, flag, deletion, folder, other
  bool impact = false;               // false: counted, no work
  std::vector<std::string> folders;  // that it names: a greetings folder makes the kind "greeting"
  std::string login;                 // of a login: the trusted login that acted for user, or ""
};

// Dovecot's event exporter, format json (facts of 2.3.19): auth_request_finished, imap_command_finished,
// mail_delivery_finished; others are "other". nullopt: no such JSON. Pure.
std::optional<StoreEvent> parse_exported_event(std::string_view json);

// Gathers the events of stores and writes them in batches: dirty rows at once, counts a little later.
class StoreEvents {
 public:
  StoreEvents(World& world, net::asio::any_io_executor executor)
      : world_(world), wake_(std::move(executor)) {}
  void take(const Store& store, StoreEvent event);
  // Marks every mailbox of this store: what happened before is not known.
  Task<void> mark_gap(base::StoreId store);
  Task<void> run();    // until cancelled
  Task<void> flush();  // everything taken so far is in the tables when it returns

 private:
  using Key = std::pair<base::StoreId, std::string>;  // store, user in lower case
  Task<void> flush_dirty();
  Task<void> flush_counts();
  Task<void> load_users();

  World& world_;
  Wake wake_;
  std::map<Key, std::vector<base::MailboxId>> users_;
  base::BootTime users_at_{};
  std::map<std::string, std::set<Key>> dirty_;  // by kind
  std::set<Key> heard_;
  std::map<std::tuple<base::StoreId, std::string, bool>, std::int64_t> counts_;
};

class PushSource {
 public:
  // token: the shared secret in the path; an exporter can only be given a URL.
  PushSource(World& world, base::SecretText token, net::asio::any_io_executor executor);
  // /push/STORE/TOKEN. The status to answer: 204, 400, 403, 404.
  int take(std::string_view path, std::string_view body);
  Task<void> run();  // first a gap for stores that are watched by push alone

 private:
  World& world_;
  base::SecretText token_;
  StoreEvents events_;
};

}  // namespace mirror::engine
