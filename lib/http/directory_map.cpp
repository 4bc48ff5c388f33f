// SPDX-License-Identifier: Apache-2.0
#include "http/directory_map.hpp"

#include "http/fields.hpp"
#include "mirror/plan/directory_map_text.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

// PostgreSQL keeps no NUL.
bool holds_nul(const json::value& value) {
  if (value.is_string()) return value.get_string().find('\0') != json::string::npos;
  if (value.is_array())
    for (const auto& item : value.get_array())
      if (holds_nul(item)) return true;
  if (value.is_object())
    for (const auto& [key, item] : value.get_object())
      if (key.find('\0') != json::string_view::npos || holds_nul(item)) return true;
  return false;
}

}  // namespace

std::string map_problem(const json::value& fields) {
  if (!fields.is_array()) return "must be a list of objects";
  for (const auto& field : fields.get_array())
    if (!field.is_object()) return "must be a list of objects";
  if (holds_nul(fields)) return "must not hold a NUL";
  return plan::fields_problem(fields);
}

json::object read_directory_mirror_body(const std::string& body) {
  json::object object = parse_object(body);
  std::vector<FieldError> errors;
  json::value map;
  if (auto* const given = object.if_contains("fields")) {
    map = std::move(*given);
    object.erase("fields");
    if (std::string wrong = map_problem(map); !wrong.empty()) errors.push_back({"/fields", std::move(wrong)});
  }
  for (auto& error : check_object(object, directory_mirror_fields(), false))
    errors.push_back(std::move(error));
  if (!errors.empty()) {
    const std::string detail = errors[0].pointer.substr(1) + ": " + errors[0].detail;
    throw Problem(422, "MRD-HTTP-001", detail, std::move(errors));
  }
  if (!map.is_null()) object["fields"] = std::move(map);
  return object;
}

}  // namespace mirror::http
