// SPDX-License-Identifier: Apache-2.0
#pragma once

// Runs: long work with progress. A run is a row and one row per mailbox it concerns; the engine takes those.

#include "db/faces.hpp"

namespace mirror::db {

struct NewRun {
  std::string kind;        // resync, verify, review, rebuild, store_test, estimate
  std::string link;        // empty: every link
  std::string mask = "*";  // of mailbox names; a store_test names the store
  bool deep = false;
  bool dry_run = false;
  std::string reason;
};

// Refused not_found when a mask other than "*" matches no participating mailbox, wrong_state when the site is
// not mirroring and the run would write.
Task<Json> create_run(Pool& pool, NewRun run, Actor actor);
// Newest first; after: runs older than that id; kind and state may be empty.
Task<Json> list_runs(Pool& pool, std::string kind, std::string state, std::string after, int limit);
Task<Json> show_run(Pool& pool, std::string id);
// One row per mailbox, by name; state may be empty.
Task<Json> list_run_mailboxes(Pool& pool, std::string id, std::string state, int offset, int limit);
Task<Json> run_log(Pool& pool, std::string id, int limit);  // the history rows a run wrote, newest first
Task<Json> cancel_run(Pool& pool, std::string id, Actor actor);

Task<Json> list_reports(Pool& pool, std::string kind, int limit);
// What a first copy would move, from what is known of the participating mailboxes, and the measured rate.
Task<Json> estimate(Pool& pool, std::string link);

}  // namespace mirror::db
