// SPDX-License-Identifier: Apache-2.0
#pragma once

// The fields an administrator edits: one table feeds the API's validation, the TOML document, its export and
// the options of the command line.
// Pure.

#include <boost/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "http/message.hpp"

namespace mirror::http {

struct Field {
  enum class Kind { text, integer, boolean, choice, texts };
  std::string name;
  Kind kind = Kind::text;
  boost::json::value fallback;  // what the schema gives when it is not named; null: required on creation
  std::int64_t lowest = 0;      // integer: bounds; text: longest is highest
  std::int64_t highest = 0;
  std::vector<std::string> words;  // choice; texts: what each may be, empty: anything
  std::string help;                // a line for the command line
};

// Of a mask of mailboxes or events, in octets: as long as a name may be.
inline constexpr int k_longest_mask = 255;

const std::vector<Field>& store_fields();
const std::vector<Field>& link_fields();
const std::vector<Field>& directory_fields();         // of a store
const std::vector<Field>& directory_mirror_fields();  // of a link; besides them its map, "fields"
const Field* find_field(std::span<const Field> fields, std::string_view name);

// Complaints about a value, or "".
std::string check_value(const Field& field, const boost::json::value& value);
// Unknown members (with the nearest known name), wrong types and ranges; required ones when creating.
std::vector<FieldError> check_object(const boost::json::object& object, std::span<const Field> fields,
                                     bool creating);

// A JSON object from a body: Problem 400 when it is none (depth bounded), 422 with pointers when a field is
// wrong.
boost::json::object parse_object(const std::string& body);
boost::json::object read_fields(const std::string& body, std::span<const Field> fields, bool creating);

// [A-Za-z0-9._-]{1,64}
bool is_name(std::string_view text);

}  // namespace mirror::http
