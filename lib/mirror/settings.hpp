// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the engine can be told. Every time is a setting, so that tests use fractions of a second.

#include <chrono>
#include <string>

#include "mirror/plan/window.hpp"

namespace mirror::engine {

using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

struct Settings {
  std::string node = "mirrord";  // stable over restarts: its leases are freed when it comes back
  std::string host;
  std::string version;
  std::string state_directory;  // holds the site epoch this node has seen
  std::string profile_directory;
  std::string hook_directory;
  std::size_t workers = 4;  // mailboxes in parallel
  Millis coalesce{20};      // between an event and the work, so that a burst is one pass
  Millis echo{1500};  // after an event one more look this much later: a server's STATUS may lag behind its
                      // own notification
  Seconds pass_interval{60};  // the dispatcher looks at the table at least this often
  Seconds lease{60};          // at least four times send_within: it is renewed at a quarter of it
  Millis send_within{
      5000};  // a COMMIT older than this sends nothing any more (law 7); it needs twice as much of the lease
  Seconds review_interval{4 * 3600};
  Seconds rebuild_interval{24 * 3600};
  Millis heartbeat{1000};
  Millis idle_session{60'000};  // a warm session nobody used
  Millis silence{60'000};       // a store that owes an answer, or takes no octets, for so long is cut off
  Seconds retry_first{5};
  Seconds retry_longest{600};
  Seconds probe_first{2};  // of a store that is down ...
  Seconds probe_longest{60};
  Seconds probe_refused{300};          // ... or that refused the credentials: the longest
  std::size_t watch_limit = 2000;      // more mailboxes than this are polled
  Millis watch_renew{27 * 60 * 1000};  // before RFC 2177's 29 minutes
  Millis watch_poll{30'000};           // the slow poll under every watcher
  Millis watch_dead{110'000};          // silence after which a connection is probed
  plan::WindowLimits window;
};

}  // namespace mirror::engine
