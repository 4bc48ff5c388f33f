// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reading messages for their digests alone: one streamed FETCH, nothing kept.

#include <map>

#include "base/digest.hpp"
#include "imap/session.hpp"
#include "mirror/canonical.hpp"

namespace mirror::engine {

struct BodyDigests {
  base::Digest digest{};
  base::Digest canonical{};
  std::uint64_t length = 0;
};

// Of the selected folder. A message gone meanwhile is missing from the result. Throws base::Failed when the
// server refuses.
net::Task<std::map<base::Uid, BodyDigests>> read_digests(imap::Session& session, base::UidSet uids);

}  // namespace mirror::engine
