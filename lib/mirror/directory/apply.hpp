// SPDX-License-Identifier: Apache-2.0
#pragma once

// A plan, made true on DR: names first, then what is new (parents first), what changed, and what leaves, last
// of all and from the leaves up.

#include "mirror/directory/changer.hpp"

namespace mirror::directory {

struct ApplyWhat {
  base::RunId run{};
  base::LinkId link{};
  db::PlanId plan{};
  std::vector<std::string> only;  // kinds; empty: all
  std::string reason;
  std::size_t window = 64;
  std::uint64_t operations_per_second = 0;
};
// False: this node may not send any more (the site stops mirroring, the run was cancelled or taken over)
// before everything was sent. A lost connection throws, with everything recorded that is known.
Task<bool> apply_plan(Context& context, Side& source, Side& target, const EntryReader& reader,
                      ApplyWhat what);

}  // namespace mirror::directory
