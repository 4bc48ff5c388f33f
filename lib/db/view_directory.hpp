// SPDX-License-Identifier: Apache-2.0
#pragma once

// The directory mirror as an administrator sees it: how each link stands, its runs, plans, changes and
// history. Where a plan is called the newest, one that is still being read does not count: it says nothing
// yet.

#include <vector>

#include "db/faces.hpp"

namespace mirror::db {

// One object for each link with a directory mirror; link may be empty.
Task<Json> directory_status(Pool& pool, std::string link);

struct NewDirectoryRun {
  std::string link;               // empty: the only one
  bool apply = false;             // false: read and compare alone
  std::string plan;               // apply this one, which must be its link's newest; empty: read anew
  std::vector<std::string> only;  // kinds of changes to apply; empty: all
  bool allow_mass_delete = false;
  std::string reason;
};
// Refused not_found without a directory mirror and two directories, wrong_state unless the site is mirroring
// (a reading connects to a store), exists while another one of the link is queued or running.
Task<Json> create_directory_run(Pool& pool, NewDirectoryRun run, Actor actor);

// Newest first; after: older than that id. link may be empty.
Task<Json> list_directory_plans(Pool& pool, std::string link, std::string after, int limit);
// id may be "newest": of the link, or of the only one.
Task<Json> show_directory_plan(Pool& pool, std::string id, std::string link);

struct DirectoryChanges {
  std::string plan;
  std::string kind, state, key;  // each may be empty
  std::string after;             // changes behind that id
  int limit = 200;
};
Task<Json> list_directory_changes(Pool& pool, DirectoryChanges query);  // {"total": n, "items": [...]}
// Every change made on a target, newest first; link and key may be empty.
Task<Json> list_directory_history(Pool& pool, std::string link, std::string key, std::string after,
                                  int limit);
// {"pair": {...} or null, "changes": [of the newest plan], "history": [the last 50]}
Task<Json> show_directory_entry(Pool& pool, std::string link, std::string key);

}  // namespace mirror::db
