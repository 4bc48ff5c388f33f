// SPDX-License-Identifier: Apache-2.0
#pragma once

// The timers: due retries and reviews become dirty rows, runs are put to work, idle sessions are closed,
// stores that are down are probed, one connection each.

#include "mirror/gate.hpp"
#include "mirror/pass.hpp"
#include "mirror/wake.hpp"

namespace mirror::engine {

Task<void> schedule(World& world, Gate& gate, Wake& wake);
Task<void> probe_stores(World& world, Gate& gate, Wake& work);

}  // namespace mirror::engine
