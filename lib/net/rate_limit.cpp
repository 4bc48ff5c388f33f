// SPDX-License-Identifier: Apache-2.0
#include "net/rate_limit.hpp"

#include <algorithm>

#include "net/timeout.hpp"

namespace mirror::net {
namespace {

// A pause shorter than this is not worth a turn of the loop; the debt stays counted.
constexpr auto k_shortest_pause = std::chrono::milliseconds(1);

base::Duration time_for(std::uint64_t octets, std::uint64_t per_second) {
  constexpr double k_longest_seconds = 86400;
  const double seconds = static_cast<double>(octets) / static_cast<double>(per_second);
  return std::chrono::duration_cast<base::Duration>(
      std::chrono::duration<double>(std::min(seconds, k_longest_seconds)));
}

}  // namespace

RateLimit::RateLimit(const base::Clock& clock, std::uint64_t octets_per_second)
    : clock_(clock), per_second_(octets_per_second) {}

void RateLimit::set(std::uint64_t octets_per_second) noexcept {
  // What was taken under the old limit is forgiven: a mistyped limit must not brake for hours once corrected.
  if (octets_per_second != per_second_) free_at_ = {};
  per_second_ = octets_per_second;
}

Task<void> RateLimit::take(std::uint64_t octets) {
  if (per_second_ == 0) co_return;
  const auto now = clock_.now();
  const auto start = std::max(now, free_at_);
  free_at_ = start + time_for(octets, per_second_);
  if (start - now < k_shortest_pause) co_return;
  co_await sleep_for(std::chrono::ceil<std::chrono::milliseconds>(start - now));
}

}  // namespace mirror::net
