// SPDX-License-Identifier: Apache-2.0
#pragma once

// Flags that the target takes and does not keep, or keeps although they were taken away (law 6): what is
// missing after a change, what is not changed again in each look, and what waits for nothing any more. PURE.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "mirror/plan/message_plan.hpp"

namespace mirror::plan {

using base::LostFlag;
using LostByUid = std::map<Uid, base::LostFlags>;  // by source UID
using FlagsByUid = std::map<Uid, FlagSet>;         // by target UID
using Kept = std::optional<std::vector<std::string>>;

// How a word is named that the target keeps and nobody wants there; no flag has a space in it.
std::string unwanted(std::string_view word);

// Takes out what differs in nothing but words that wait.
void leave_out_waiting(std::vector<FlagFix>& fixes, const LostByUid& lost, const Kept& keeps);
// Of what was set, the words that are not there, and those that stayed. has: what the target shows
// afterwards; of those in refused the server said itself that nothing was done.
std::vector<LostFlag> not_kept(const std::vector<FlagFix>& fixes, const FlagsByUid& has,
                               const std::set<Uid>& refused, const Kept& keeps);
// Of what was set, the words that are as they should be now.
std::vector<LostFlag> settled(const std::vector<FlagFix>& fixes, const FlagsByUid& has,
                              const LostByUid& lost);
// Of messages that were compared and do not differ, all words: those that the target named, or all when both
// sides were seen whole. rows: of the folder, before anything was copied; differing: by source UID.
std::vector<LostFlag> settled(const std::vector<MapRow>& rows, const FolderView& target, bool whole,
                              const std::set<Uid>& differing, const LostByUid& lost);

// What the map has to say after a change, by what the target shows then (has).
enum class Outcome {
  changed,    // the target's flags are others now
  unchanged,  // it took the change and kept nothing of it: what is wanted is known, and nothing happened
  open,       // refused, or the message is gone: to be sent again
};
Outcome outcome_of(const FlagFix& fix, const FlagsByUid& has, const std::set<Uid>& refused,
                   const Kept& keeps);

}  // namespace mirror::plan
