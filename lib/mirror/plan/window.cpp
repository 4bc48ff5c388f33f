// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/window.hpp"

#include <algorithm>
#include <utility>

namespace mirror::plan {

std::vector<std::vector<CopyItem>> cut_windows(std::vector<CopyItem> items, const WindowLimits& limits) {
  const auto once =
      std::count_if(items.begin(), items.end(), [](const auto& item) { return item.tries == 1; });
  const std::size_t eighth = (static_cast<std::size_t>(once) + 7) / 8;
  const auto most = [&](const CopyItem& item) {
    return item.tries == 0 ? limits.messages : item.tries == 1 ? std::min(eighth, limits.messages) : 1;
  };
  std::vector<std::vector<CopyItem>> windows;
  std::uint64_t room = 0;  // sizes are claims, up to 2^64 - 1: never added up
  for (auto& item : items) {
    if (windows.empty() || windows.back().back().tries != item.tries || windows.back().size() >= most(item) ||
        item.size > room) {
      windows.emplace_back();
      room = limits.octets;
    }
    room -= std::min(item.size, room);
    windows.back().push_back(std::move(item));
  }
  return windows;
}

}  // namespace mirror::plan
