// SPDX-License-Identifier: Apache-2.0
#pragma once

// Starting a resync or verify, and saying how it ended.

#include "cli/command.hpp"

namespace mirror::cli {

// Creates the run; with wait prints every mailbox that is not equal and every difference. Exit: 0 all equal,
// 5 some differ, 6 some failed, 1 the run itself failed.
int run_and_report(Invocation& invocation, const boost::json::object& body, bool wait);

}  // namespace mirror::cli
