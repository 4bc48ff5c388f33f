// SPDX-License-Identifier: Apache-2.0
#pragma once

// The site state as this node obeys it (law 9): heartbeats, the gate, the epoch kept outside the database,
// and hooks on state changes.

#include "db/site.hpp"
#include "mirror/gate.hpp"
#include "mirror/pass.hpp"
#include "mirror/wake.hpp"
#include "net/offload.hpp"

namespace mirror::engine {

// Before anything else: a database older than what this node has seen (restored, promoted without its last
// commits, another cluster) starts suspended. Registers the node and frees what an earlier life left.
Task<void> join_site(World& world);

// Runs until cancelled. told: signalled when the gate opens or closes.
Task<void> control(World& world, Gate& gate, Wake& site, std::vector<Wake*> told, net::Offload& offload);

// What this node has seen of the database, kept outside it in state_directory/site after every heartbeat.
struct SiteMark {
  std::int64_t epoch = 0;         // of the site
  std::string system_identifier;  // of the cluster; empty: it may not be asked
  std::int64_t beat = 0;          // of this node's heartbeats
  std::string node;               // whose beat it is
  std::int64_t timeline = 0;      // of the cluster's WAL; 0: unknown
};
SiteMark mark_of(const db::SiteState& site, const std::string& node);
// Why the database is not the one this node knew, or one without what was committed since; empty when it is.
// site.beat: as found in the database.
std::string went_back(const SiteMark& mark, const db::SiteState& site, const std::string& node);
SiteMark read_site_mark(const std::string& directory);
void write_site_mark(const std::string& directory, const SiteMark& mark);

}  // namespace mirror::engine
