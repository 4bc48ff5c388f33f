// SPDX-License-Identifier: Apache-2.0
#pragma once

// Small records the engine keeps: store states, what watchers heard, runs, events, traffic, audit.

#include <optional>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "db/work.hpp"

namespace mirror::db {

// A store as the engine needs it; the password still sealed.
struct StoreRecord {
  StoreId id{};
  std::string name, host, tls, tls_server_name, ca_pem, pin_sha256, certificate_file, key_file;
  std::string profile, login_method, login, master_separator;
  std::vector<std::uint8_t> password_sealed;
  int port = 0;
  bool tls_verify = true;
  std::int64_t octets_per_second = 0;
  std::string state;
  std::int64_t row_version = 0;
  bool probe_now = false;  // somebody changed it or asked: the probe need not wait
  Millis probe_in{0};      // until it is due, as whoever met the failure said
};
Task<std::vector<StoreRecord>> load_stores(Pool& pool);
struct LinkRecord {
  LinkId id{};
  std::string name;
  StoreId source{}, target{};
  std::string foreign_policy;
  std::vector<std::string> folder_include, folder_exclude;
  std::int64_t guard_count = 1000, guard_percent = 50, guard_link_percent = 10;
  Seconds deletion_delay{};
  std::string paused_reason;
};
Task<std::vector<LinkRecord>> load_links(Pool& pool);

// The store answered, or failed with a failure of scope store: state, code, the one probe due later.
Task<void> store_up(Pool& pool, StoreId store);
Task<void> store_down(Pool& pool, StoreId store, base::Failure failure, Seconds probe_in);

// A participating mailbox on a store, as source or target: for the probe of a store that is down. Where each
// owner has a password of its own, one whose password is set, if there is any.
struct ProbeMailbox {
  MailboxId id{};
  std::string owner;
};
// last: this one only where there is no other that was compared before. turn: 0 the best, 1 the next, ...;
// where there are not so many, the best again.
Task<std::optional<ProbeMailbox>> probe_mailbox(Pool& pool, StoreId store, MailboxId last, std::size_t turn);

// Mailboxes a watcher should watch: participating, link not paused.
struct WatchedMailbox {
  MailboxId id{};
  StoreId source{};
  std::string name;
};
Task<std::vector<WatchedMailbox>> load_watched(Pool& pool);
// What the own password of an owner on a store is bound to: sealed for another one it does not open.
std::string password_context(StoreId store, std::string_view owner);
Task<std::vector<std::uint8_t>> load_owner_password(Pool& pool, StoreId store,
                                                    std::string owner);  // sealed; empty: none
Task<void> heard(Pool& pool, std::vector<MailboxId> mailboxes, std::string method);
struct StoreEventCount {
  StoreId store{};
  std::string kind;
  bool impact = true;
  std::int64_t count = 0;
};
Task<void> count_store_events(Pool& pool, std::vector<StoreEventCount> counts);

Task<void> add_event(Pool& pool, std::string type, std::string severity, std::string store,
                     std::string mailbox, std::string data_json);
Task<void> add_report(Pool& pool, std::string kind, std::string body_json);
Task<void> add_traffic(Pool& pool, StoreId store, std::uint64_t octets_in, std::uint64_t octets_out,
                       std::uint64_t messages);

// Runs
// --------------------------------------------------------------------------------------------------------------

struct RunRecord {
  RunId id{};
  std::string kind;
  std::string mask;
  bool deep = false;
  bool dry_run = false;
  LinkId link{};
};
// One queued run of these kinds becomes ours and running; nullopt when there is none.
Task<std::optional<RunRecord>> take_run(Pool& pool, std::string node, std::vector<std::string> kinds);
// Runs of resync, first_copy and review are finished by ordinary passes: which run a mailbox's pass serves.
Task<RunId> run_of(Pool& pool, MailboxId mailbox);
Task<void> mark_run_dirty(Pool& pool, RunId run);
struct RunMailbox {
  MailboxId id{};
  std::string name, target_name;
  LinkId link{};
  StoreId source{}, target{};
};
Task<std::vector<RunMailbox>> waiting_mailboxes(Pool& pool, RunId run, std::size_t limit);
// Sets one mailbox's result and counts the run forward; the run ends when none is waiting.
Task<void> finish_run_mailbox(Pool& pool, RunId run, MailboxId mailbox, std::string state,
                              std::string detail_json);
// False: it is not this node's any more (another one has it, or it ended), and nothing was changed.
Task<bool> finish_run(Pool& pool, RunId run, std::string node, std::string state, std::string result_json);
Task<bool> run_cancelled(Pool& pool, RunId run);
// Runs that a node left running when it died: queued again.
Task<void> requeue_runs_of(Pool& pool, std::string node);

}  // namespace mirror::db
