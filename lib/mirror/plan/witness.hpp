// SPDX-License-Identifier: Apache-2.0
#pragma once

// Does a store still hold the messages of the map? One that was put back from an old copy, and has since
// given out as many UIDs again as it lost or more, shows numbers that fit (law 8). But then the messages with
// the highest UIDs of the map are others. PURE.

#include <cstdint>
#include <vector>

#include "base/provenance.hpp"
#include "mirror/plan/message_plan.hpp"
#include "mirror/plan/window.hpp"

namespace mirror::plan {

enum class Side : std::uint8_t { source, target };

// Of the messages in the view, not more than this many are asked for.
constexpr std::size_t k_witnesses = 3;

// Those of the map with the highest UIDs of that side that the view still has.
base::UidSet witnesses(const std::vector<MapRow>& rows, const FolderView& view, Side side);

// Another message than the row's. On a target by size and date, as they were read back from that server: it
// may have altered the Message-ID. Else by the Message-ID where both have one, and by the date where not: a
// size is no proof, servers tell wrong ones; nor is a date beside equal Message-IDs, a restore may touch it.
bool is_another(const MapRow& row, const CopyItem& seen, Side side);

}  // namespace mirror::plan
