// SPDX-License-Identifier: Apache-2.0
#pragma once

// The site's state as an operator changes it (law 9). Only the row is written here; the engine puts it into
// effect: it moves "suspending" to "suspended" once every live node has acknowledged the epoch.

#include "db/faces.hpp"

namespace mirror::db {

Task<Json> show_site(Pool& pool);  // {state, epoch, since, actor, reason, full_review_run, nodes: [...]}
// From mirroring. Suspending twice is no error: the answer is the state as it is. Refused wrong_state
// elsewhere.
Task<Json> suspend_site(Pool& pool, std::string reason, Actor actor);
// From suspended alone; starts a review run with a full compare of every participating mailbox and names it
// in full_review_run. Resuming while mirroring is no error.
Task<Json> resume_site(Pool& pool, std::string reason, Actor actor);

}  // namespace mirror::db
