// SPDX-License-Identifier: Apache-2.0
#pragma once

// Exponential backoff with full jitter; pure but for the random source given.

#include <chrono>
#include <cstdint>
#include <random>

namespace mirror::net {

class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds longest, std::uint64_t seed);
  // The next pause: between half and the whole of first * 2^n, at most longest.
  std::chrono::milliseconds next();
  void reset() noexcept { step_ = 0; }
  unsigned failures() const noexcept { return step_; }

 private:
  std::chrono::milliseconds first_, longest_;
  unsigned step_ = 0;
  std::mt19937_64 random_;
};

}  // namespace mirror::net
