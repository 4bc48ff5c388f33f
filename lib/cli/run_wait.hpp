// SPDX-License-Identifier: Apache-2.0
#pragma once

// Waiting for a run: progress on stderr, Ctrl-C detaches and leaves the run going.

#include <boost/json.hpp>
#include <string>

#include "cli/command.hpp"

namespace mirror::cli {

// The run when it has ended. Ended k_try_again when the person detached.
boost::json::object wait_for_run(Invocation& invocation, const std::string& id);
// Sleeps; Ended k_try_again (with what to say) on Ctrl-C.
void pause_or_detach(int milliseconds, const std::string& farewell);

}  // namespace mirror::cli
