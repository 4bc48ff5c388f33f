// SPDX-License-Identifier: Apache-2.0
#pragma once

// Administrators' hooks: every executable file of a directory, in order of name, with the new state, the old
// state and the reason as arguments; off the loop, 30 s each.

#include <string>

#include "net/offload.hpp"

namespace mirror::engine {

net::Task<void> run_hooks(net::Offload& offload, std::string directory, std::string state, std::string before,
                          std::string reason);

}  // namespace mirror::engine
