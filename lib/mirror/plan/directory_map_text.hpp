// SPDX-License-Identifier: Apache-2.0
#pragma once

// The map of fields as an administrator writes it (JSON). PURE.

#include <boost/json/fwd.hpp>
#include <string>
#include <vector>

#include "mirror/plan/directory_map.hpp"

namespace mirror::plan {

// A list of objects with source, target (both: attributes; target may be left out), name, kind (text,
// password, binary), required, rule, constant (a list), default, transforms (a list). "" when that is what it
// is, else a sentence that names the member.
std::string fields_problem(const boost::json::value& fields);
// Of a list without a problem.
std::vector<DirectoryField> read_fields(const boost::json::value& fields);

}  // namespace mirror::plan
