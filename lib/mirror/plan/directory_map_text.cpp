// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/directory_map_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "base/settings.hpp"

namespace mirror::plan {

namespace json = boost::json;

namespace {

const std::vector<std::string> k_members{"source", "target",  "name",     "kind",      "required",
                                         "rule",   "default", "constant", "transforms"};

// The rules of ldap/schema.hpp.
const std::vector<std::string> k_rules{
    "octets",  "boolean",   "integer", "case_exact", "case_ignore", "case_exact_ia5",
    "numeric", "telephone", "dn",      "oid",        "time"};

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::vector<std::string> texts_of(const json::object& object, std::string_view name) {
  std::vector<std::string> out;
  const auto* value = object.if_contains(name);
  if (value != nullptr && value->is_array())
    for (const auto& item : value->get_array())
      if (item.is_string()) out.emplace_back(item.get_string());
  return out;
}

std::string type_problem(std::string_view name, const json::value& value) {
  if (name == "required") return value.is_bool() ? "" : "must be true or false";
  if (name == "constant" || name == "transforms") {
    if (!value.is_array()) return "must be a list of texts";
    for (const auto& item : value.get_array())
      if (!item.is_string()) return "must be a list of texts";
    return "";
  }
  return value.is_string() ? "" : "must be a text";
}

std::string field_problem(const json::object& field) {
  for (const auto& [key, value] : field) {
    const std::string name(key);
    if (std::ranges::find(k_members, name) == k_members.end()) {
      const auto near = base::nearest(name, k_members);
      return fmt::format("\"{}\" is not known{}", name,
                         near ? fmt::format("; did you mean \"{}\"?", *near) : "");
    }
    if (const auto wrong = type_problem(name, value); !wrong.empty())
      return fmt::format("{} {}", name, wrong);
  }
  if (const auto kind = text_of(field, "kind"); !kind.empty() && !parse_field_kind(kind))
    return "kind must be one of: text, password, binary";
  if (const auto rule = text_of(field, "rule");
      !rule.empty() && std::ranges::find(k_rules, rule) == k_rules.end())
    return fmt::format("no rule is named \"{}\"", rule);
  for (const auto& transform : texts_of(field, "transforms"))
    if (!parse_transform(transform))
      return fmt::format(
          "no transform is named \"{}\"; there are trim, upper, lower, digits, prefix:TEXT, "
          "strip_prefix:TEXT",
          transform);
  return "";
}

DirectoryField read_field(const json::object& object) {
  DirectoryField field;
  field.source = text_of(object, "source");
  field.target = text_of(object, "target");
  if (field.target.empty()) field.target = field.source;
  field.name = text_of(object, "name");
  if (field.name.empty()) field.name = field.target;
  field.kind = parse_field_kind(text_of(object, "kind"))
                   .value_or(usual_kind(field.source) != FieldKind::text ? usual_kind(field.source)
                                                                         : usual_kind(field.target));
  const auto* required = object.if_contains("required");
  field.required = required != nullptr && required->is_bool() && required->get_bool();
  field.rule = text_of(object, "rule");
  field.constant = texts_of(object, "constant");
  field.fallback = text_of(object, "default");
  for (const auto& text : texts_of(object, "transforms"))
    if (auto transform = parse_transform(text)) field.transforms.push_back(std::move(*transform));
  return field;
}

// Members alone; whether the whole can work is check_map's to say.
std::string doubled(const std::vector<DirectoryField>& fields) {
  std::set<std::string> targets;
  for (const auto& field : fields)
    if (field.kind == FieldKind::password && (!field.constant.empty() || !field.fallback.empty()))
      return "a password is production's: " + field.target + " can have no constant and no default";
  for (const auto& field : fields)
    if (!targets.insert(field.target).second) return "two fields write " + field.target;
  return "";
}

}  // namespace

std::string fields_problem(const json::value& fields) {
  if (!fields.is_array()) return "must be a list of fields";
  std::size_t number = 0;
  for (const auto& item : fields.get_array()) {
    ++number;
    if (!item.is_object()) return fmt::format("field {} must be an object", number);
    if (const auto wrong = field_problem(item.get_object()); !wrong.empty())
      return fmt::format("field {}: {}", number, wrong);
  }
  return doubled(read_fields(fields));
}

std::vector<DirectoryField> read_fields(const json::value& fields) {
  std::vector<DirectoryField> out;
  for (const auto& field : fields.as_array()) out.push_back(read_field(field.as_object()));
  return out;
}

}  // namespace mirror::plan
