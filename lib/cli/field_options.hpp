// SPDX-License-Identifier: Apache-2.0
#pragma once

// The fields of http/fields.hpp as options of a verb, and back into a body.

#include <string>
#include <vector>

#include "cli/command.hpp"
#include "http/fields.hpp"

namespace mirror::cli {

// One option per field; a CA comes from a file. creating: what has no default is required.
std::vector<Option> options_of(const std::vector<http::Field>& fields, bool creating);
// Those that were given.
boost::json::object body_of(const Invocation& invocation, const std::vector<http::Field>& fields);

// "a,b" -> a and b.
std::vector<std::string> split_list(const std::string& text);

}  // namespace mirror::cli
