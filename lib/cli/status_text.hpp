// SPDX-License-Identifier: Apache-2.0
#pragma once

// The status answer for people. Pure.

#include <boost/json.hpp>
#include <string>

#include "cli/output.hpp"

namespace mirror::cli {

std::string format_status(const boost::json::object& status, const Output& output);

}  // namespace mirror::cli
