// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a copy needs to know of a message before its octets: flags, date, size and a hash of its Message-ID.

#include <functional>
#include <vector>

#include "imap/session.hpp"
#include "mirror/plan/greetings.hpp"
#include "mirror/plan/window.hpp"

namespace mirror::engine {

// FNV-1a over the trimmed, unfolded Message-ID of a header block; 0 when there is none. Ranks candidates,
// proves nothing.
std::int64_t message_id_hash(std::string_view header);

// A FETCH that asks besides for what the rule judges by, in the same command.
using JudgedMessage = std::function<void(const imap::MessageData& message, bool greeting)>;
net::Task<imap::Reply> fetch_judged(imap::Session& session, base::UidSet uids, imap::FetchWhat what,
                                    plan::GreetingRule rule, JudgedMessage each);

// Of the selected folder, ascending by UID. A UID that is gone is missing. Throws base::Failed when refused.
// rule: what makes a message a greeting; empty, nothing is asked for it.
net::Task<std::vector<plan::CopyItem>> read_facts(imap::Session& session, base::UidSet uids,
                                                  plan::GreetingRule rule = {});

}  // namespace mirror::engine
