// SPDX-License-Identifier: Apache-2.0
#pragma once

// Watching the source stores: one coroutine per mailbox hears that something changed and marks the mailbox
// dirty; it never says what is true. After every gap the mailbox is compared. Under every watcher runs a slow
// LIST-STATUS poll.

#include "mirror/gate.hpp"
#include "mirror/pass.hpp"
#include "mirror/wake.hpp"

namespace mirror::engine {

// Runs until cancelled; starts and stops watchers as mailboxes come and go. config: woken when the
// configuration or the site state changes.
Task<void> watch(World& world, Gate& gate, Wake& config);

}  // namespace mirror::engine
