// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a store test and an estimate need to know beyond the store's row.

#include <optional>
#include <string>
#include <vector>

#include "db/records.hpp"

namespace mirror::db {

struct StoreSubject {
  StoreId id{};
  bool is_source = false;  // of any link: never written to by a test
  bool is_target = false;
  std::int64_t watched = 0;          // participating mailboxes whose source this store is
  std::vector<ProbeMailbox> owners;  // participating on it, those that were fine lately first
};
// nullopt: no store has that name.
Task<std::optional<StoreSubject>> load_store_subject(Pool& pool, std::string name, std::size_t owners);

// A scratch folder of a store test was made or removed: law 12, everything done on DR is in the history.
Task<void> note_scratch(Pool& pool, RunId run, MailboxId mailbox, std::string folder, bool made);

// The result of a run that goes on, so that its last mailbox ends it complete.
Task<void> set_run_result(Pool& pool, RunId run, std::string result_json);

// A count that a restart interrupted begins anew: every mailbox waits again.
Task<void> begin_anew(Pool& pool, RunId run);

// How far an event stream was read; nullopt: never.
Task<std::optional<std::int64_t>> load_position(Pool& pool, std::string key);
Task<void> save_position(Pool& pool, std::string key, std::int64_t position);

// Octets a second of the last copies, over the time they took; nullopt when nothing was measured yet.
Task<std::optional<std::int64_t>> measured_rate(Pool& pool);

}  // namespace mirror::db
