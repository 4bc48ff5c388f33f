// SPDX-License-Identifier: Apache-2.0
#pragma once

// For lib/db alone: parts of the transactions that begin and end a pass.

#include "base/ids.hpp"
#include "db/fence.hpp"
#include "db/transact_detail.hpp"

namespace mirror::db {

// Steps an earlier pass left open: what they did is found by looking.
void close_recovered(Transaction& tx, const Fence& fence);
// The oldest run under way that waits for this mailbox; 0: none.
base::RunId find_run(Transaction& tx, base::MailboxId mailbox);
// A mailbox's share of a run ends ("equal", "differs", "failed"); with the last one the run does.
void end_share(Transaction& tx, base::RunId run, base::MailboxId mailbox, const std::string& state,
               const std::string& detail_json);

}  // namespace mirror::db
