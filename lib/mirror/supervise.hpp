// SPDX-License-Identifier: Apache-2.0
#pragma once

// Services: long-lived loops, each restarted alone with backoff when it fails, or when somebody asks (S8).

#include <functional>
#include <string>
#include <vector>

#include "mirror/pass.hpp"

namespace mirror::engine {

struct Service {
  std::string name;                 // watch, reconcile, http, ...
  std::function<Task<void>()> run;  // one life of the service; ends only by exception or cancellation
};

// Runs all services until cancelled. wake: restart requests may be waiting in the table.
Task<void> supervise(World& world, std::vector<Service> services);

}  // namespace mirror::engine
