// SPDX-License-Identifier: Apache-2.0
#pragma once

// What was seen on a side, and what we remember of it. Plain data: the input of every planner.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/message_facts.hpp"
#include "base/provenance.hpp"
#include "base/uid_set.hpp"

namespace mirror::plan {

using base::Digest;
using base::FlagSet;
using base::InternalDate;
using base::MapRow;
using base::ModSeq;
using base::Uid;
using base::UidSet;
using base::UidValidity;

struct SeenMessage {
  Uid uid{};
  FlagSet flags;
};

// One look at a folder on one side. complete: messages names every message there is. Otherwise messages are
// those changed since the last look and vanished those gone since, as the server claims (QRESYNC).
struct FolderView {
  bool complete = false;
  UidValidity uidvalidity{};
  Uid uidnext{};
  std::uint32_t exists = 0;
  ModSeq modseq{};
  std::vector<SeenMessage> messages;  // ascending by uid
  UidSet vanished;
};

// What is remembered of a folder besides the map rows handed to a planner.
struct FolderMemory {
  std::uint64_t mapped = 0;  // map rows under the current pair of UIDVALIDITYs
  std::uint64_t extras = 0;  // foreign and unknown messages on the target
  UidSet extra_uids;         // their target UIDs
  UidSet quarantined;        // source UIDs that wait in quarantine and are not mapped
  UidSet due;                // ... and those that are tried again now
  UidSet held;               // source UIDs whose deletion is held
};

}  // namespace mirror::plan
