// SPDX-License-Identifier: Apache-2.0
#pragma once

// The durable event log: ids without gaps, so that a reader knows what it missed.

#include <vector>

#include "db/faces.hpp"

namespace mirror::db {

struct EventQuery {
  std::int64_t after = 0;  // events with a greater id
  int limit = 200;
  std::vector<std::string> types;  // empty: all; "message.*" is a mask
  std::string mailbox;             // empty: all
};

struct EventPage {
  Json items = "[]";  // envelopes {id, type, time, severity, store, mailbox, run, actor, data}, ascending
  int count = 0;
  std::int64_t last_id = 0;  // where to go on: the last id looked at, filtered ones included
  std::int64_t head_id = 0;
  std::int64_t oldest_id = 0;  // 0: the log is empty
};

Task<EventPage> read_events(Pool& pool, EventQuery query);
// The audit rows, newest first.
Task<Json> list_audit(Pool& pool, std::string after, int limit);

}  // namespace mirror::db
