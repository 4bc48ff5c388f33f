// SPDX-License-Identifier: Apache-2.0
#pragma once

// A token bucket for octets, shared by all connections of a store or link. A limit of 0 means none. The clock
// is injected; take() sleeps on the loop until the octets may pass. Fair in order of arrival.

#include <cstdint>

#include "base/clock.hpp"
#include "net/task.hpp"

namespace mirror::net {

class RateLimit {
 public:
  RateLimit(const base::Clock& clock, std::uint64_t octets_per_second);
  void set(std::uint64_t octets_per_second) noexcept;
  Task<void> take(std::uint64_t octets);

 private:
  const base::Clock& clock_;
  std::uint64_t per_second_;
  base::BootTime free_at_{};  // when all octets taken so far have passed
};

}  // namespace mirror::net
