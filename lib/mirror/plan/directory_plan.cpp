// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/directory_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mirror::plan {

namespace {

// The order of values says nothing (RFC 4512 2.3.1).
bool same_set(std::vector<std::string> a, std::vector<std::string> b) {
  if (a.size() != b.size()) return false;
  std::ranges::sort(a);
  std::ranges::sort(b);
  return a == b;
}

// So many at once are somebody's daily work, however small the directory is.
constexpr std::int64_t k_few = 5;

// More than so many of a hundred.
bool beyond(std::int64_t part, std::int64_t whole, std::int64_t percent) {
  return part * 100 > whole * percent;
}

bool shrank(std::int64_t now, std::int64_t before, std::int64_t percent) {
  return now < before && beyond(before - now, before, percent);
}

}  // namespace

bool EntryChanges::drift() const {
  return !fields.empty() && std::ranges::all_of(fields, [](const FieldChange& c) { return c.drift; });
}

EntryChanges compare_entries(const DirectoryMap& map, const EntryView& source, const EntryView* target,
                             const std::vector<bool>& unchanged, std::optional<std::size_t> kept_by_name) {
  EntryChanges out;
  for (std::size_t i = 0; i < map.fields.size(); ++i) {
    const auto& wanted = source.fields[i];
    if (map.fields[i].required && wanted.values.empty()) out.missing.push_back(i);
    if (target == nullptr) {
      if (!wanted.values.empty()) out.fields.push_back({i, false, false});
      continue;
    }
    const auto& is = target->fields[i];
    if (kept_by_name == i && is.values.size() <= 1) continue;
    FieldChange change{i, i < unchanged.size() && unchanged[i], same_set(wanted.canonical, is.canonical)};
    if (change.spelling && (!map.spelling || same_set(wanted.values, is.values))) continue;
    out.fields.push_back(change);
  }
  return out;
}

void keep_required(const DirectoryMap& map, EntryChanges& changes) {
  std::erase_if(changes.fields, [&](const FieldChange& c) {
    return map.fields[c.field].kind != FieldKind::password &&
           std::ranges::find(changes.missing, c.field) != changes.missing.end();
  });
}

std::string judge_removals(const DirectoryCounts& c, const DirectoryLimits& limits) {
  if (c.removals == 0) return {};
  if (c.source_entries == 0) return "production's directory shows no entry at all";
  if (c.target_entries == 0) return "DR's directory shows no entry at all";
  if (c.removals <= std::min(k_few, limits.count)) return {};
  if (shrank(c.source_entries, c.last_source_entries, limits.shrink_percent))
    return fmt::format("production's directory shrank from {} entries to {}", c.last_source_entries,
                       c.source_entries);
  if (shrank(c.target_entries, c.last_target_entries, limits.shrink_percent))
    return fmt::format("DR's directory shrank from {} entries to {}", c.last_target_entries,
                       c.target_entries);
  if (c.removals > limits.count)
    return fmt::format("{} entries would go, more than {}", c.removals, limits.count);
  if (beyond(c.removals, c.pairs, limits.percent))
    return fmt::format("{} of {} entries would go, more than {} %", c.removals, c.pairs, limits.percent);
  return {};
}

}  // namespace mirror::plan
