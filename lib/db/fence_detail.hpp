// SPDX-License-Identifier: Apache-2.0
#pragma once

// For lib/db alone: the check that opens every transaction which permits or records a change on a target.

#include "db/fence.hpp"
#include "db/transact_detail.hpp"

namespace mirror::db {

// Throws MRD-MIR-006 when the lease is no longer ours with 10 s to spare, MRD-MIR-008 when the site is not
// mirroring. Both rows are read FOR SHARE, so that neither can change before this transaction commits (laws 7
// and 9).
void require_writable(Transaction& tx, const Fence& fence);
// For recording what already happened: only the epoch must still be ours.
void require_epoch(Transaction& tx, const Fence& fence);

}  // namespace mirror::db
