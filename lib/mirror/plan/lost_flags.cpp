// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/lost_flags.hpp"

#include <algorithm>

namespace mirror::plan {

namespace {

constexpr std::string_view k_unwanted = "not ";

// As the target has it, whether the word is to be there or not.
bool is_settled(const std::string& word, const FlagSet& has, const FlagSet& wanted) {
  if (!word.starts_with(k_unwanted)) return has.contains(word) || !wanted.contains(word);
  const auto flag = word.substr(k_unwanted.size());
  return !has.contains(flag) || wanted.contains(flag);
}

}  // namespace

std::string unwanted(std::string_view word) {
  return std::string(k_unwanted).append(word);
}

void leave_out_waiting(std::vector<FlagFix>& fixes, const LostByUid& lost, const Kept& keeps) {
  std::erase_if(fixes, [&](const FlagFix& fix) {
    const auto found = lost.find(fix.source);
    if (found == lost.end()) return false;
    const auto& waiting = found->second.waiting;
    const auto wanted = storable(fix.wanted, keeps), before = storable(fix.before, keeps);
    const auto comes_not = [&](const auto& word) { return before.contains(word) || waiting.contains(word); };
    const auto goes_not = [&](const auto& word) {
      return wanted.contains(word) || waiting.contains(unwanted(word));
    };
    return std::all_of(wanted.words().begin(), wanted.words().end(), comes_not) &&
           std::all_of(before.words().begin(), before.words().end(), goes_not);
  });
}

std::vector<LostFlag> not_kept(const std::vector<FlagFix>& fixes, const FlagsByUid& has,
                               const std::set<Uid>& refused, const Kept& keeps) {
  std::vector<LostFlag> lost;
  for (const auto& fix : fixes) {
    const auto found = has.find(fix.target);
    if (found == has.end() || refused.contains(fix.target)) continue;
    const auto wanted = storable(fix.wanted, keeps), before = storable(fix.before, keeps);
    for (const auto& word : wanted.words())
      if (!found->second.contains(word)) lost.push_back({fix.source, word});
    for (const auto& word : before.words())
      if (found->second.contains(word) && !wanted.contains(word))
        lost.push_back({fix.source, unwanted(word)});
  }
  return lost;
}

std::vector<LostFlag> settled(const std::vector<FlagFix>& fixes, const FlagsByUid& has,
                              const LostByUid& lost) {
  std::vector<LostFlag> over;
  for (const auto& fix : fixes) {
    const auto before = lost.find(fix.source);
    const auto found = has.find(fix.target);
    if (before == lost.end() || found == has.end()) continue;
    for (const auto& word : before->second.all.words())
      if (is_settled(word, found->second, fix.wanted)) over.push_back({fix.source, word});
  }
  return over;
}

std::vector<LostFlag> settled(const std::vector<MapRow>& rows, const FolderView& target, bool whole,
                              const std::set<Uid>& differing, const LostByUid& lost) {
  std::set<Uid> named;
  if (!whole)
    for (const auto& message : target.messages) named.insert(message.uid);
  std::vector<LostFlag> over;
  for (const auto& row : rows) {
    const auto found = lost.find(row.source);
    if (found == lost.end() || differing.contains(row.source)) continue;
    if (!whole && !named.contains(row.target)) continue;
    for (const auto& word : found->second.all.words()) over.push_back({row.source, word});
  }
  return over;
}

Outcome outcome_of(const FlagFix& fix, const FlagsByUid& has, const std::set<Uid>& refused,
                   const Kept& keeps) {
  const auto found = has.find(fix.target);
  if (found == has.end()) return Outcome::open;
  const auto now = storable(found->second, keeps);
  // What the map said of the target before may have been wrong: a refused change is done when all is there.
  if (refused.contains(fix.target) && !(now == storable(fix.wanted, keeps))) return Outcome::open;
  return now == storable(fix.before, keeps) ? Outcome::unchanged : Outcome::changed;
}

}  // namespace mirror::plan
