// SPDX-License-Identifier: Apache-2.0
#pragma once

// The dispatcher: takes due work from the table, runs N mailboxes in parallel, ends each piece with what came
// of it. It looks at once when woken and at the latest every pass interval.

#include <functional>

#include "mirror/gate.hpp"
#include "mirror/reconcile.hpp"
#include "mirror/wake.hpp"

namespace mirror::engine {

// Runs until cancelled. gate: closed while the site is not mirroring; the running passes are then cancelled.
Task<void> dispatch(World& world, Gate& gate, Wake& wake);

}  // namespace mirror::engine
