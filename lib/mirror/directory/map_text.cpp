// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/map_text.hpp"

#include <boost/json.hpp>

#include "ldap/schema.hpp"
#include "mirror/plan/directory_map_text.hpp"

namespace mirror::directory {

namespace json = boost::json;

base::Result<plan::DirectoryMap> parse_map(const db::DirectoryMirror& mirror) {
  plan::DirectoryMap map;
  map.key_attribute = mirror.key_attribute;
  map.rdn_attribute = mirror.rdn_attribute;
  map.object_classes = mirror.object_classes;
  map.spelling = mirror.spelling;
  json::error_code error;
  const json::value fields = json::parse(mirror.fields, error);
  if (error) return base::Failure("MRD-DIR-006", "the map is no JSON");
  if (const auto wrong = plan::fields_problem(fields); !wrong.empty())
    return base::Failure("MRD-DIR-006", wrong);
  map.fields = plan::read_fields(fields);
  if (map.fields.empty()) map.fields = plan::subscriber_fields();
  for (const auto& field : map.fields)
    if (!field.rule.empty() && !ldap::parse_rule(field.rule))
      return base::Failure("MRD-DIR-006", "no rule is named " + field.rule);
  if (const auto wrong = plan::check_map(map); !wrong.empty()) return base::Failure("MRD-DIR-006", wrong);
  return map;
}

}  // namespace mirror::directory
