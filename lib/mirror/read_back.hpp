// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mirror/copy_window.hpp"

namespace mirror::engine {

// What the target's server says of what it stored: size and date for later deletions, and whether it altered
// anything. A target that cannot be asked leaves them unknown. What it has not at all moves from stored to
// unresolved.
Task<void> read_back(Pass& pass, FolderWork& folder, WindowOutcome& outcome);

}  // namespace mirror::engine
