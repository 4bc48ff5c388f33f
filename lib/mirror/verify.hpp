// SPDX-License-Identifier: Apache-2.0
#pragma once

// Verify: both sides as their servers answer in this run, never from our own map, and the map held against
// them; changes nothing on either.

#include <string>
#include <vector>

#include "mirror/pass.hpp"

namespace mirror::engine {

struct Difference {
  std::string folder;
  std::string kind;  // missing, extra, flags, date, body, folder_missing, folder_extra, subscription, map
  base::Uid source{};
  base::Uid target{};
  std::string text;
};

struct VerifyResult {
  std::uint64_t messages = 0;
  std::uint64_t known_extras = 0;  // foreign and unknown messages on the target: shown, no difference
  std::string digest_source;       // order-independent, over every folder
  std::string digest_target;
  std::vector<Difference> differences;
  std::vector<std::pair<db::FolderKey, base::UidSet>> wrong_rows;  // source UIDs of those of kind "map"
  bool equal() const { return differences.empty(); }
};

// deep: every octet of both sides is read and compared by SHA-256.
Task<VerifyResult> verify_mailbox(World& world, db::RunMailbox mailbox, bool deep);

}  // namespace mirror::engine
