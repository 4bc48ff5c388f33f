// SPDX-License-Identifier: Apache-2.0
#include "net/backoff.hpp"

#include <algorithm>

namespace mirror::net {

Backoff::Backoff(std::chrono::milliseconds first, std::chrono::milliseconds longest, std::uint64_t seed)
    : first_(std::max(first, std::chrono::milliseconds(1))),
      longest_(std::max(longest, first_)),
      random_(seed) {}

std::chrono::milliseconds Backoff::next() {
  auto whole = first_;
  for (unsigned doubled = 0; doubled < step_ && whole < longest_; ++doubled)
    whole = whole > longest_ / 2 ? longest_ : whole * 2;
  ++step_;
  std::uniform_int_distribution<std::int64_t> pick((whole.count() + 1) / 2, whole.count());
  return std::chrono::milliseconds(pick(random_));
}

}  // namespace mirror::net
