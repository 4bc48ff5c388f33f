// SPDX-License-Identifier: Apache-2.0
#pragma once

// A set of UIDs as ranges (RFC 9051 sequence-set, without "*"): O(ranges), not O(members). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.hpp"

namespace mirror::base {

class UidSet {
 public:
  using Range = std::pair<std::uint32_t, std::uint32_t>;  // first <= last, both inside, first >= 1

  UidSet() = default;
  static UidSet of(const std::vector<Uid>& uids);  // any order, duplicates folded
  static UidSet range(Uid first, Uid last);
  // "1:4,9": nullopt for anything else than a set of non-zero numbers ("*" included). Ends may be swapped.
  static std::optional<UidSet> parse(std::string_view text);

  void add(Uid uid) { add(uid, uid); }
  void add(Uid first, Uid last);
  bool contains(Uid uid) const;
  std::uint64_t count() const;
  bool empty() const noexcept { return ranges_.empty(); }
  const std::vector<Range>& ranges() const noexcept { return ranges_; }

  // The members in ascending order; nullopt when there are more than limit (a hostile set may name 2^32).
  std::optional<std::vector<Uid>> expand(std::size_t limit) const;
  std::string text() const;  // empty set: ""
  // The set cut into texts of at most max_octets each, so that a command line stays portable (8192).
  std::vector<std::string> texts(std::size_t max_octets) const;

  bool operator==(const UidSet&) const = default;

 private:
  std::vector<Range> ranges_;  // sorted, disjoint, not adjacent
};

}  // namespace mirror::base
