// SPDX-License-Identifier: Apache-2.0
#pragma once

// Time that decides. Boot time (CLOCK_BOOTTIME) goes on during suspend, so that a lease that ran out while
// the machine slept has run out. Tests inject a ManualClock.

#include <chrono>

namespace mirror::base {

using Duration = std::chrono::nanoseconds;
using BootTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual BootTime now() const = 0;
};

class BootClock final : public Clock {
 public:
  BootTime now() const override;
};

class ManualClock final : public Clock {
 public:
  BootTime now() const override { return now_; }
  void advance(Duration by) { now_ += by; }

 private:
  BootTime now_{};
};

}  // namespace mirror::base
