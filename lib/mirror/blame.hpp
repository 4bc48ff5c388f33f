// SPDX-License-Identifier: Apache-2.0
#pragma once

// Whose trouble a failure is, and how long to leave it alone.

#include "mirror/pass.hpp"

namespace mirror::engine {

// A server, or the line to it, ended an open session, or made it of no use.
bool ends_session(const Failure& failure);
// The pause that a server wants before it is asked again, at most a day; 0 without one.
Seconds asked_pause(const Failure& failure);
// Until a store that is down is asked again.
Seconds probe_pause(const Settings& settings, const Failure& failure);

// The stores that are down now, or, without any, the mailbox's trouble alone.
struct Trouble {
  Failure failure;
  std::vector<base::StoreId> stores;
};
// A server that ends a session, wants a pause or is not available may do so for all, or for one message or
// mailbox each time. While the stores let others in, the mailbox alone waits, longer each time.
Task<Trouble> whose_trouble(World& world, const db::WorkItem& item, Failure failure);

}  // namespace mirror::engine
