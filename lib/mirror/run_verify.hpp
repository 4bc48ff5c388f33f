// SPDX-License-Identifier: Apache-2.0
#pragma once

// Takes verify runs from the table and works through their mailboxes, read only. Allowed in every site state:
// it says so.

#include "mirror/verify.hpp"
#include "mirror/wake.hpp"

namespace mirror::engine {

Task<void> run_verify(World& world, Wake& wake);

}  // namespace mirror::engine
