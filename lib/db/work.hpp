// SPDX-License-Identifier: Apache-2.0
#pragma once

// Work as rows: dirty mailboxes, leases with an epoch, retries. A dirty row is cleared only by the generation
// that was taken; failed work leaves a retry row with a due time (law 4). One writer per target mailbox (law
// 7).

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "base/ids.hpp"
#include "db/pool.hpp"

namespace mirror::db {

using base::Epoch;
using base::FolderId;
using base::Generation;
using base::LinkId;
using base::MailboxId;
using base::RunId;
using base::StoreId;
using Seconds = std::chrono::seconds;
using Millis = std::chrono::milliseconds;

enum class WorkClass { live = 0, first_copy = 1, review = 2 };

struct WorkItem {
  MailboxId mailbox{};
  LinkId link{};
  StoreId source_store{};
  StoreId target_store{};
  std::string name;         // owner on the source
  std::string target_name;  // owner on the target
  std::string cause;
  WorkClass work_class = WorkClass::live;
  bool full_compare = false;
  Generation generation{};
  Epoch epoch{};
  double waited_seconds = 0;  // since first_seen, at the time it was taken
};

// Marks mailboxes dirty: a new generation each; the first cause, first_seen and the more urgent class stay.
// Wakes the dispatchers. delay: short coalescing before the row is due.
Task<void> mark_dirty(Pool& pool, std::vector<MailboxId> mailboxes, std::string cause, WorkClass work_class,
                      bool full_compare, Millis delay);

struct TakeSettings {
  std::string node;
  std::size_t limit = 4;  // pieces of work at most
  std::size_t bulk = 4;   // of them first copies and reviews, live work counted in
  Seconds lease{60};
  std::int64_t beat = 0;  // the node's last heartbeat that the caller knows of
};
// Takes due work in the order live, first copy, review, under the lease; nothing unless the site is
// mirroring and the database knows that heartbeat (an older one put in its place does not).
Task<std::vector<WorkItem>> take_work(Pool& pool, TakeSettings settings);
// How long until the next row is due (at most limit); for the dispatcher's sleep.
Task<Millis> next_due(Pool& pool, Millis limit);
// Extends the lease; false when it was lost.
Task<bool> renew_lease(Pool& pool, MailboxId mailbox, Epoch epoch, Seconds lease);

struct MailboxTotals {
  std::int64_t source_messages = 0;
  std::int64_t target_messages = 0;
  std::int64_t greetings = 0;
  std::int64_t octets = 0;
};

// Ends a piece of work. Success: the dirty row goes if its generation is still the one taken, the retry row
// goes. Failure: the retry row is written with its due time and the dirty row goes. Always frees the lease.
struct WorkEnd {
  WorkItem item;
  std::optional<base::Failure> failure;
  Seconds retry_in{60};
  Seconds retry_longest{600};  // the pause doubles with every attempt up to this
  bool partial = false;        // failure of a part (a folder): the rest is done and goes on
  bool postponed = false;      // a store is down: the mailbox is not to blame, its row stays and waits
  bool again = false;          // success, but a further pass is wanted at once (mark stays)
  bool again_full = false;     // ... which compares every folder completely
  bool full = false;           // every folder was compared completely
  std::optional<MailboxTotals> totals;
  // The mailbox's share of a run, ended in the same transaction; run 0: none.
  RunId run{};
  std::string run_state;   // equal, failed
  std::string run_detail;  // JSON
};
// How often in a row the mailbox's work failed and was put off.
Task<int> retries_of(Pool& pool, MailboxId mailbox);
Task<void> finish_work(Pool& pool, WorkEnd end);

// The timers: due retries and due reviews become dirty rows. Returns how many rows were made.
struct TimerSettings {
  Seconds review_interval{4 * 3600};
  Seconds rebuild_interval{24 * 3600};
};
Task<std::size_t> raise_due(Pool& pool, TimerSettings settings);
// The first statement of every process: leases its earlier self left are freed, so that a restart need not
// wait.
Task<void> free_leases_of(Pool& pool, std::string node);

}  // namespace mirror::db
