// SPDX-License-Identifier: Apache-2.0
#pragma once

// The mass-delete guard (law 5): may these deletions go on, or are they held for an operator? PURE.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mirror/plan/message_plan.hpp"

namespace mirror::plan {

struct GuardLimits {
  std::uint64_t count = 1000;        // at most this many pass without a question ...
  std::uint64_t percent = 50;        // ... unless they are also within this share of what was mapped
  std::uint64_t link_percent = 100;  // of all mailboxes of the link in an hour; 100: no such limit
};

// A link that lost no more than this in an hour, what is held for its sake included, is not looked at as a
// whole.
constexpr std::uint64_t k_link_unasked = 100;

// A deletion is paired with an append of the same content in one pass (a move): by its SHA-256, so that
// nothing else that calls itself the same message pays for it. What has none is paired with nothing.
using Content = std::optional<base::Digest>;

struct GuardInput {
  std::vector<Content> removed;
  std::vector<Content> added;       // copied in the same pass, any folder of the mailbox
  std::uint64_t mapped = 0;         // in the whole mailbox before the pass
  std::uint64_t removed_today = 0;  // deletions already done today that were not paired
  std::uint64_t link_mapped = 0;    // in all mailboxes of the link
  std::uint64_t link_removed = 0;   // the same of the link's last hour
  std::uint64_t link_held = 0;  // held because of the whole link and not released: time does not forgive them
  bool inbox_anew =
      false;  // INBOX has another UIDVALIDITY on the source, or some of removed were in the one before
};

enum class HoldScope : std::uint8_t { mailbox, link };

struct GuardVerdict {
  bool hold = false;
  HoldScope scope = HoldScope::mailbox;
  std::uint64_t counted = 0;  // deletions not paired with an append
  std::string reason;
};

GuardVerdict judge_removals(const GuardInput& input, const GuardLimits& limits);

}  // namespace mirror::plan
