// SPDX-License-Identifier: Apache-2.0
#pragma once

// Two sides of a folder held against each other as multisets of messages. PURE.

#include <string>
#include <vector>

#include "mirror/plan/views.hpp"

namespace mirror::plan {

struct SideMessage {
  Uid uid{};
  FlagSet flags;
  std::int64_t date = 0;
  std::uint64_t size = 0;
  std::int64_t message_id_hash = 0;
  Digest digest{};  // all zero when not read
};

struct MessageDifference {
  std::string kind;  // missing, extra, flags, date, body
  Uid source{};
  Uid target{};
  std::string text;
};

// Exact pairs first; what is left is paired by what still agrees and named by what does not.
std::vector<MessageDifference> compare_messages(const std::vector<SideMessage>& source,
                                                const std::vector<SideMessage>& target);

// One message as text. The digest of a folder is the SHA-256 of these texts sorted, so that order does not
// count.
std::string digest_text(const SideMessage& message);

}  // namespace mirror::plan
