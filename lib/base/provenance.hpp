// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the mirror remembers of a message: plain data that the planners (pure) and the database room share.

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/message_facts.hpp"

namespace mirror::base {

// One row of the map: a source message and its copy.
struct MapRow {
  Uid source{};
  Uid target{};
  FlagSet flags;           // as last made equal
  std::uint64_t size = 0;  // octets fetched
  std::int64_t date = 0;   // unix seconds
  std::int64_t message_id_hash = 0;
  std::uint64_t target_size = 0;  // as the target's server tells; 0: not read back yet
  std::int64_t target_date = 0;
  std::optional<Digest> digest;
  bool greeting = false;
};

// The flags of a message that the target did not keep as they were set; and those of them that wait before
// they are set again. Named as plan/lost_flags.hpp says.
struct LostFlags {
  FlagSet all, waiting;
};
struct LostFlag {
  Uid source{};
  std::string word;
};

}  // namespace mirror::base
