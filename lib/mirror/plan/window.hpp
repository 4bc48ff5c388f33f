// SPDX-License-Identifier: Apache-2.0
#pragma once

// Cuts what is to be copied into windows: one window is one MULTIAPPEND (or one pipeline of APPENDs) and one
// pair of commits. PURE.

#include <cstdint>
#include <vector>

#include "mirror/plan/views.hpp"

namespace mirror::plan {

struct CopyItem {
  Uid source{};
  FlagSet flags;
  InternalDate date;
  std::uint64_t size = 0;  // RFC822.SIZE, a claim
  std::int64_t message_id_hash = 0;
  bool greeting = false;  // by what it is, not by where it lies
  int tries = 0;          // sends of it, lately, of which nothing arrived
};

struct WindowLimits {
  std::size_t messages = 128;
  std::uint64_t octets = 4u << 20;
};

// In the order given; a message larger than the octet limit is a window of its own. A connection that ended
// with a window may end with one message of it each time: those tried once go in eighths, then each alone, so
// that the others arrive and that one is known.
std::vector<std::vector<CopyItem>> cut_windows(std::vector<CopyItem> items, const WindowLimits& limits);

}  // namespace mirror::plan
