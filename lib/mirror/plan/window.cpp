// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/window.hpp"

#include <utility>

namespace mirror::plan {

std::vector<std::vector<CopyItem>> cut_windows(std::vector<CopyItem> items, const WindowLimits& limits) {
  std::vector<std::vector<CopyItem>> windows;
  std::uint64_t octets = 0;
  for (auto& item : items) {
    const bool full =
        !windows.empty() && (windows.back().size() >= limits.messages || octets + item.size > limits.octets);
    if (windows.empty() || full) {
      windows.emplace_back();
      octets = 0;
    }
    octets += item.size;
    windows.back().push_back(std::move(item));
  }
  return windows;
}

}  // namespace mirror::plan
