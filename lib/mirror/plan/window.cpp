// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/window.hpp"

#include <algorithm>
#include <utility>

namespace mirror::plan {

std::vector<std::vector<CopyItem>> cut_windows(std::vector<CopyItem> items, const WindowLimits& limits) {
  std::vector<std::vector<CopyItem>> windows;
  std::uint64_t room = 0;  // sizes are claims, up to 2^64 - 1: never added up
  for (auto& item : items) {
    if (windows.empty() || windows.back().size() >= limits.messages || item.size > room) {
      windows.emplace_back();
      room = limits.octets;
    }
    room -= std::min(item.size, room);
    windows.back().push_back(std::move(item));
  }
  return windows;
}

}  // namespace mirror::plan
