// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <time.h>

namespace mirror::base {

BootTime BootClock::now() const {
  timespec at{};
  ::clock_gettime(CLOCK_BOOTTIME, &at);
  return BootTime(std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec));
}

}  // namespace mirror::base
