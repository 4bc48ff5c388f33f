// SPDX-License-Identifier: Apache-2.0
#pragma once

// The site state as this node obeys it (law 9): heartbeats, the gate, the epoch kept outside the database,
// and hooks on state changes.

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

// The site epoch and cluster identity this node has seen, in state_directory/site.
struct SiteMark {
  std::int64_t epoch = 0;
  std::string system_identifier;
};
SiteMark read_site_mark(const std::string& directory);
void write_site_mark(const std::string& directory, const SiteMark& mark);

}  // namespace mirror::engine
