// SPDX-License-Identifier: Apache-2.0
#pragma once

// (source view, target view, memory) -> what makes the folder equal. PURE.
// Law 4: a partial view only counts when the numbers agree; else the plan asks for a complete look and
// removes nothing. Law 5: only rows of the map are ever removed.

#include <vector>

#include "mirror/plan/views.hpp"

namespace mirror::plan {

struct FlagFix {
  Uid source{};
  Uid target{};
  FlagSet wanted;
  FlagSet before;      // what the target had (or was last known to have)
  bool drift = false;  // the source did not change: someone changed the target
};

struct Removal {
  Uid source{};
  Uid target{};
};

struct MessagePlan {
  // Counts disagree (or a complete view names fewer messages than the server counts): look again, at all of
  // them. Until then nothing is removed (source), nothing is copied (target).
  bool look_closer_at_source = false;
  bool look_closer_at_target = false;
  std::vector<Uid> copy;  // ascending
  std::vector<FlagFix> flags;
  std::vector<MapRow> settled;  // rows whose remembered flags change without a change on the target
  std::vector<Removal>
      remove;                 // mapped, gone from the source (held ones, and those gone from both sides, too)
  std::vector<Removal> lost;  // mapped, on the source, gone from the target: to be copied again (drift)
  std::vector<Uid> released;  // quarantined messages that left the source: nothing waits for them any more
  UidSet strangers;           // target UIDs neither mapped nor known as extras
  bool empty() const {
    return !look_closer_at_source && !look_closer_at_target && released.empty() && copy.empty() &&
           flags.empty() && settled.empty() && remove.empty() && lost.empty() && strangers.empty();
  }
};

// rows: with complete views every row of the folder; with a partial view at least the rows of every UID
// either view names. Both views carry the UIDVALIDITY the rows belong to. keeps: the flags the target can
// store; nullopt = all.
MessagePlan plan_messages(const FolderView& source, const FolderView& target, const std::vector<MapRow>& rows,
                          const FolderMemory& memory,
                          const std::optional<std::vector<std::string>>& keeps = {});

// The part of wanted that a target keeping only these flags can store.
FlagSet storable(const FlagSet& wanted, const std::optional<std::vector<std::string>>& keeps);

}  // namespace mirror::plan
