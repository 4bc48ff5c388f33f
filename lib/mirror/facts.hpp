// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a copy needs to know of a message before its octets: flags, date, size and a hash of its Message-ID.

#include <vector>

#include "imap/session.hpp"
#include "mirror/plan/window.hpp"

namespace mirror::engine {

// FNV-1a over the trimmed, unfolded Message-ID; 0 when there is none. Ranks candidates, proves nothing.
std::int64_t message_id_hash(std::string_view header);

// Of the selected folder, ascending by UID. A UID that is gone is missing. Throws base::Failed when refused.
net::Task<std::vector<plan::CopyItem>> read_facts(imap::Session& session, base::UidSet uids);

}  // namespace mirror::engine
