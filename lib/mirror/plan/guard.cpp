// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/guard.hpp"

#include <fmt/format.h>

#include <map>

namespace mirror::plan {

namespace {

// A mailbox this small is emptied by its owner every day: percentages say nothing there.
constexpr std::uint64_t k_small = 10;

}  // namespace

GuardVerdict judge_removals(const GuardInput& input, const GuardLimits& limits) {
  std::map<base::Digest, std::uint64_t> added;
  for (const auto& one : input.added)
    if (one) ++added[*one];
  GuardVerdict verdict;
  for (const auto& one : input.removed) {
    const auto found = one ? added.find(*one) : added.end();
    if (found != added.end() && found->second > 0)
      --found->second;
    else
      ++verdict.counted;
  }
  const std::uint64_t today = verdict.counted + input.removed_today;
  const std::uint64_t base = input.mapped + input.removed_today;
  const bool many = today > limits.count;
  const bool share = today > k_small && today * 100 > base * limits.percent;
  const std::uint64_t hour = verdict.counted + input.link_removed + input.link_held;
  const bool wide = limits.link_percent < 100 && hour > k_link_unasked &&
                    hour * 100 > (input.link_mapped + input.link_removed) * limits.link_percent;
  verdict.hold = verdict.counted > 0 && (many || share || wide || input.inbox_anew);
  if (!verdict.hold) return verdict;
  if (wide) verdict.scope = HoldScope::link;
  if (wide)
    verdict.reason = fmt::format(
        "{} deletions of {} messages in all mailboxes, those of the last hour and those that are held; "
        "limit: {} %",
        hour, input.link_mapped + input.link_removed, limits.link_percent);
  else if (input.inbox_anew)
    verdict.reason = fmt::format(
        "INBOX has another UIDVALIDITY, as on another server, and {} messages are gone", verdict.counted);
  else
    verdict.reason = fmt::format("{} deletions today of {} messages; limits: {} or {} %", today, base,
                                 limits.count, limits.percent);
  return verdict;
}

}  // namespace mirror::plan
