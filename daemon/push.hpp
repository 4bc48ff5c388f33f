// SPDX-License-Identifier: Apache-2.0
#pragma once

// The listener for pushed events and the engine's push source, connected.

#include <string>

#include "mirror/pass.hpp"
#include "settings.hpp"

namespace mirror::daemon {

// One life of the service "push". Throws base::Failed MRD-CONF-008 (cannot listen) or MRD-BASE-003 to 005
// (token file).
engine::Task<void> run_push(engine::World& world, PushSettings settings);

// "127.0.0.1:4711", "[::1]:4711"; nullopt when it is no address with a port.
std::optional<std::pair<std::string, std::uint16_t>> parse_address(const std::string& text);

}  // namespace mirror::daemon
