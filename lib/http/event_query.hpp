// SPDX-License-Identifier: Apache-2.0
#pragma once

// The filter that the event list and the event stream share.

#include "db/view_events.hpp"
#include "http/message.hpp"

namespace mirror::http {

// after, types (comma separated masks), mailbox. Problem 422 when after is no id, 400 when the target is no
// text.
db::EventQuery event_query(const Request& request, int limit);
// One more mask of types. Problem 422 when it is too long, or one too many.
void add_type(db::EventQuery& query, std::string mask);

}  // namespace mirror::http
