// SPDX-License-Identifier: Apache-2.0
#pragma once

// Rows of the map held against what both sides show: which cannot be true. PURE.

#include <vector>

#include "mirror/plan/compare.hpp"

namespace mirror::plan {

// Of each row that is wrong a difference of kind "map". Of a row whose message is on the source no more
// nothing can be said. deep: the digests of both sides were read; a copy that the target altered is no wrong
// row, but one that is another message of the source is, and so is one that is not there.
std::vector<MessageDifference> wrong_rows(const std::vector<MapRow>& rows,
                                          const std::vector<SideMessage>& source,
                                          const std::vector<SideMessage>& target, bool deep);

}  // namespace mirror::plan
