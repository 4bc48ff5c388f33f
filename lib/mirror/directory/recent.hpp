// SPDX-License-Identifier: Apache-2.0
#pragma once

// Entries that a run has read for its plan a moment ago: their changes are made of those, and not of a second
// reading. Bounded in octets and in age: it holds what entries hold, passwords too, and a change is made of
// what production held a few seconds before at most. No I/O.

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "ldap/types.hpp"

namespace mirror::directory {

class Recent {
 public:
  // `uuid`: as the change names the entry. Nothing is kept beyond the bounds; what is too old goes.

  void keep(std::string uuid, ldap::Entry entry, base::BootTime now);
  // Once; nullopt when it is not there or too old.
  std::optional<ldap::Entry> take(const std::string& uuid, base::BootTime now);

  static constexpr std::size_t k_most_octets = std::size_t{8} << 20;
  static constexpr std::chrono::seconds k_oldest{5};

 private:
  struct Kept {
    ldap::Entry entry;
    std::size_t octets;
  };
  void forget_old(base::BootTime now);

  std::unordered_map<std::string, Kept> kept_;
  std::deque<std::pair<base::BootTime, std::string>> order_;  // also of those that were taken
  std::size_t octets_ = 0;
};

}  // namespace mirror::directory
