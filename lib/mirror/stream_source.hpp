// SPDX-License-Identifier: Apache-2.0
#pragma once

// A store-wide event stream that queues while we are away: the shape of what message stores with an event
// interface of their own offer. Lines of JSON over TCP, tried on a scripted server alone
// (test/support/scripted_event_server.py).
//
//   we say       resume 41           after connecting: the last event we are done with, 0 for none
//                ack 57              what may be forgotten
//   they say     {"seq":42,"user":"1001","kind":"deposit","folder":"INBOX"}
//                {"seq":43,"gap":true}                        events before this one are lost: everything is
//                compared
//   kinds        login, deposit, flag, deletion, greeting, folder; any other is counted as "other"
//
// A sequence number is acknowledged after its work is in the table, so that a crash repeats events and loses
// none.

#include "mirror/push_source.hpp"
#include "net/stream.hpp"

namespace mirror::engine {

struct StreamEvent {
  std::int64_t sequence = 0;
  bool gap = false;
  StoreEvent event;
};
// nullopt: no such JSON, or no sequence number above 0. Pure.
std::optional<StreamEvent> parse_stream_event(std::string_view line);

struct StreamSettings {
  std::string store;  // whose events
  net::Endpoint endpoint;
  Millis connect_limit{15'000};
  Millis first_pause{200}, longest_pause{30'000};
  Millis silence{120'000};  // without a line for so long the connection is made anew
};

// Until cancelled: connects, takes up where the last acknowledged event ended, connects again with growing
// pauses.
Task<void> run_stream(World& world, StreamSettings settings);

}  // namespace mirror::engine
