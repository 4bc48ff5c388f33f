// SPDX-License-Identifier: Apache-2.0
#pragma once

// The map of a directory mirror, "fields": a list of objects beside the tables of fields.hpp. Pure.

#include <boost/json.hpp>
#include <string>

#include "http/message.hpp"

namespace mirror::http {

// "" or what is wrong with a map, for a person.
std::string map_problem(const boost::json::value& fields);
// What read_fields (fields.hpp) does, for the fields of a directory mirror and its map.
boost::json::object read_directory_mirror_body(const std::string& body);

}  // namespace mirror::http
