// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one matcher (law 3): which messages on the target are copies of which messages on the source. It serves
// kill recovery, targets without UIDPLUS, a changed UIDVALIDITY and a lost database. PURE: digests are handed
// in. Multiset: genuine duplicates keep their number. Octet-equal pairs first, then pairs that are equal in
// canonical form (what servers are known to munge); within equals, equal dates and flags pair first, then
// equal dates, then UID order.

#include <vector>

#include "mirror/plan/views.hpp"

namespace mirror::plan {

struct Contender {
  Uid uid{};
  FlagSet flags;
  Digest digest{};
  Digest canonical{};      // all zero: not known, equal to nothing
  std::int64_t date = 0;   // INTERNALDATE, Unix seconds
  bool same_date = false;  // on the target: only of use under the same date (else it goes anyway)
};

struct Pair {
  Uid source{};
  Uid target{};
  bool exact = true;  // false: equal in canonical form only, the target altered the octets
};

struct Match {
  std::vector<Pair> pairs;
  std::vector<Uid> absent;     // wanted, not stored on the target
  std::vector<Uid> strangers;  // on the target, not wanted
};

Match match(const std::vector<Contender>& wanted, const std::vector<Contender>& present);

}  // namespace mirror::plan
