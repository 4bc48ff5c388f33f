// SPDX-License-Identifier: Apache-2.0
#pragma once

// The filter that the event list and the event stream share.

#include "db/view_events.hpp"
#include "http/message.hpp"

namespace mirror::http {

// after, types (comma separated masks), mailbox. Problem 422 when after is no id.
db::EventQuery event_query(const Request& request, int limit);

}  // namespace mirror::http
