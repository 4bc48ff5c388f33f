// SPDX-License-Identifier: Apache-2.0
#pragma once

// (an entry of production, the same on DR, what was equal last) -> which fields to write. PURE.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "mirror/plan/directory_map.hpp"

namespace mirror::plan {

struct FieldView {
  std::vector<std::string> values;     // as they are written
  std::vector<std::string> canonical;  // in the form equal values share; as many
};

// An entry by the fields of the map; of production already shaped for DR.
struct EntryView {
  std::vector<FieldView> fields;
};

struct FieldChange {
  std::size_t field = 0;
  bool drift = false;     // production is as it was when both were last equal: DR was changed by hand
  bool spelling = false;  // equal by the rule, written differently
};

struct EntryChanges {
  std::vector<FieldChange> fields;
  std::vector<std::size_t> missing;  // required, and production has no value

  bool drift() const;  // all of it
};

// unchanged: by field, whether production is as it was when both were last equal; empty: unknown.
// kept_by_name: the field that names the entry on DR: a rename changes it, a modification only takes away
// what it has besides.
EntryChanges compare_entries(const DirectoryMap& map, const EntryView& source, const EntryView* target,
                             const std::vector<bool>& unchanged, std::optional<std::size_t> kept_by_name);

// DR keeps what it has of a field that it needs; the other fields follow. But for passwords: who has none on
// production was locked out there.
void keep_required(const DirectoryMap& map, EntryChanges& changes);

// The guard: "" or why deletions wait for an operator. An empty directory and the count are judged always,
// shares only when more than five entries would go.
struct DirectoryCounts {
  std::int64_t source_entries = 0, target_entries = 0;
  std::int64_t last_source_entries = 0, last_target_entries = 0;  // of the last complete reading; 0: none yet
  std::int64_t pairs = 0;
  std::int64_t removals = 0;  // disabled or deleted by this plan
};
struct DirectoryLimits {
  std::int64_t count = 50, percent = 5, shrink_percent = 10;
};
std::string judge_removals(const DirectoryCounts& counts, const DirectoryLimits& limits);

}  // namespace mirror::plan
