// SPDX-License-Identifier: Apache-2.0
#pragma once

// The site state and the nodes that obey it (law 9). Suspending becomes suspended when every live node has
// acknowledged the epoch.

#include <string>
#include <vector>

#include "base/ids.hpp"
#include "db/pool.hpp"

namespace mirror::db {

struct SiteState {
  std::string state;
  base::Epoch epoch{};
  std::string actor;
  std::string reason;
  std::string system_identifier;   // of the database cluster
  std::int64_t timeline = 0;       // of its WAL: another one once a standby was promoted or a backup restored
  std::int64_t told_timeline = 0;  // the one for which the site was suspended last; 0: unknown or none
  std::int64_t beat = 0;           // heartbeats of this node, this one included; 0: the database never saw it
  bool mirroring() const { return state == "mirroring"; }
};

Task<SiteState> load_site(Pool& pool, std::string node);
// Registers this node and says which site epoch it has put into effect; the caller's workers have stopped
// if the state is not mirroring. Also moves suspending to suspended when everybody agreed.
Task<SiteState> heartbeat(Pool& pool, std::string node, std::string host, std::string version,
                          base::Epoch in_effect);
// A database older than what this node has seen (law 9): the site starts suspended, with the reason, and
// every folder without memory, so that the first look after the resume matches by content before it sends
// anything.
Task<void> force_suspended(Pool& pool, std::string reason, base::Epoch at_least, std::int64_t timeline);

struct ServiceState {
  std::string name;
  std::string state;  // starting, running, backing_off, stopped
  std::string error;
  bool restarted = false;  // count one restart
};
Task<void> save_service(Pool& pool, std::string node, ServiceState service);
// Services somebody asked to restart; the request is cleared.
Task<std::vector<std::string>> take_restart_requests(Pool& pool, std::string node);

}  // namespace mirror::db
