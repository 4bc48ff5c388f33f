// SPDX-License-Identifier: Apache-2.0
#pragma once

// One mailbox made equal: gather snapshots, plan, apply step by step, journalled. The order of a pass keeps
// the laws: every append in the mailbox precedes every deletion; the checkpoint moves last.

#include "mirror/pass.hpp"

namespace mirror::engine {

struct PassResult {
  PassCounts counts;
  base::RunId run{};  // the run this pass was for; 0: none
  db::MailboxTotals totals;
  bool complete = false;  // every folder was compared completely on both sides
  bool again = false;     // something changed meanwhile: another pass soon
  bool again_full = false;
  bool look_again = false;         // folders changed a moment ago: once more when it is quiet
  std::optional<Failure> failure;  // what is left undone; the rest is done
};

Task<PassResult> reconcile(World& world, db::WorkItem item, bool dry_run);

}  // namespace mirror::engine
