// SPDX-License-Identifier: Apache-2.0
#pragma once

// The compare, set at a time: what both sides hold becomes pairs and changes.

#include "db/directory_image.hpp"

namespace mirror::db {

struct CompareWhat {
  LinkId link{};
  PlanId plan{};
  bool source_complete = false;
  bool target_complete = false;
  std::string incomplete;  // why, for a person
  std::string deletions;   // keep, disable, delete
  Seconds delete_after{};
  bool remove_foreign = false;
  std::vector<std::size_t> password_fields;  // of the map: what a disabled entry must not have
  // Entries that were read; fewer rows mean that PostgreSQL lost some (MRD-DIR-001).
  std::int64_t source_read = 0, target_read = 0;
  bool much_changed = false;  // since the last compare: statistics are made anew
};

struct Compared {
  std::int64_t source_entries = 0, target_entries = 0;
  std::int64_t last_source_entries = 0,
               last_target_entries = 0;  // of the last plan whose reading was complete
  std::int64_t pairs = 0, equal = 0, foreign = 0;
  std::int64_t removals =
      0;  // planned by this compare: disable, and delete where nothing was disabled before
};

// Partners are known by their UUIDs, then by the key; entries without a key or with one that another entry
// has, too, take no part and become refused changes (MRD-DIR-004). Nothing is removed, and nothing added,
// unless both readings were complete. Pairs that are equal are remembered as such.
Task<Compared> compare_images(Pool& pool, CompareWhat what);

// Fields that a plan would empty on more entries than the limits allow: what hides an attribute from the
// reader looks like that. "" or which one, for a person.
Task<std::string> emptied_fields(Pool& pool, PlanId plan, std::int64_t count, std::int64_t percent);

// After judge_removals and emptied_fields: "" lets everything be planned.
struct Judged {
  std::string removals, emptied;
  bool hold_all = false;  // with either of them: all other changes wait, too
};
Task<void> hold_changes(Pool& pool, PlanId plan, Judged judged);

}  // namespace mirror::db
