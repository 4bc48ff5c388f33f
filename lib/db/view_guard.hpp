// SPDX-License-Identifier: Apache-2.0
#pragma once

// Held deletions as an administrator sees and releases them (law 5).

#include "db/faces.hpp"

namespace mirror::db {

// One row for each folder with held deletions: how many, why, since when. mask: of mailbox names.
Task<Json> list_guard(Pool& pool, std::string mask, int offset,
                      int limit);  // {"total": n, "deletions": n, "items": [...]}
// The exact pairs of one mailbox by folder and UID; link may be empty where the name is unique.
Task<Json> show_guard(Pool& pool, std::string link, std::string mailbox, int offset, int limit);

struct GuardRelease {
  std::string link;     // may be empty where the mailbox's name is unique, or for the mailboxes of a mask
  std::string mailbox;  // a name, or with * or ? a mask of names: then expected is required
  std::string folder;   // empty: every folder
  std::int64_t source_uid = 0;  // of that folder; 0: all
  std::int64_t expected = 0;    // how many the administrator has seen; refused when there are others now
  std::string reason;
};
// Lets these pairs go: the next pass compares their mailboxes in full and deletes those that production still
// lacks. All or nothing. Refused unless the site is mirroring or suspended. {"released": n}
Task<Json> release_guard(Pool& pool, GuardRelease release, Actor actor);

}  // namespace mirror::db
