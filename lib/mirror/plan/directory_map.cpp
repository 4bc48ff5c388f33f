// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/directory_map.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace mirror::plan {

namespace {

constexpr std::string_view k_blank = " \t\r\n";

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

std::string trimmed(const std::string& value) {
  const auto first = value.find_first_not_of(k_blank);
  if (first == std::string::npos) return {};
  return value.substr(first, value.find_last_not_of(k_blank) - first + 1);
}

void apply(const Transform& transform, std::string& value) {
  switch (transform.kind) {
    case Transform::Kind::trim:
      value = trimmed(value);
      break;
    case Transform::Kind::upper:
      for (char& c : value) c = upper(c);
      break;
    case Transform::Kind::lower:
      for (char& c : value) c = lower(c);
      break;
    case Transform::Kind::digits:
      std::erase_if(value, [](char c) { return !is_digit(c); });
      break;
    case Transform::Kind::prefix:
      value.insert(0, transform.argument);
      break;
    case Transform::Kind::strip_prefix:
      if (value.starts_with(transform.argument)) value.erase(0, transform.argument.size());
      break;
  }
}

// Attribute descriptions (RFC 4512 2.5): a letter, then letters, digits and hyphens; or numbers and dots.
bool is_attribute(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  return std::ranges::all_of(name, [](char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c) || c == '-' || c == '.' || c == ';';
  });
}

DirectoryField field(const char* attribute, const char* name, bool required = false,
                     FieldKind kind = FieldKind::text) {
  DirectoryField out;
  out.source = out.target = attribute;
  out.name = name;
  out.required = required;
  out.kind = kind;
  return out;
}

}  // namespace

std::optional<Transform> parse_transform(std::string_view text) {
  using Kind = Transform::Kind;
  const auto colon = text.find(':');
  const auto word = text.substr(0, colon);
  const std::string argument(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  if (argument.empty()) {
    if (word == "trim") return Transform{Kind::trim, {}};
    if (word == "upper") return Transform{Kind::upper, {}};
    if (word == "lower") return Transform{Kind::lower, {}};
    if (word == "digits") return Transform{Kind::digits, {}};
    return std::nullopt;
  }
  if (word == "prefix") return Transform{Kind::prefix, argument};
  if (word == "strip_prefix") return Transform{Kind::strip_prefix, argument};
  return std::nullopt;
}

std::optional<FieldKind> parse_field_kind(std::string_view text) {
  if (text == "text") return FieldKind::text;
  if (text == "password") return FieldKind::password;
  if (text == "binary") return FieldKind::binary;
  return std::nullopt;
}

FieldKind usual_kind(std::string_view attribute) {
  const auto name = lower(attribute);
  if (name == "password" || name == "userpassword" || name == "mmpassword") return FieldKind::password;
  if (name == "umrecordedname" || name == "audio" || name == "jpegphoto") return FieldKind::binary;
  return FieldKind::text;
}

std::string_view to_text(FieldKind kind) {
  switch (kind) {
    case FieldKind::text:
      return "text";
    case FieldKind::password:
      return "password";
    case FieldKind::binary:
      return "binary";
  }
  return "text";
}

const DirectoryField* DirectoryMap::key_field() const {
  for (const auto& f : fields)
    if (lower(f.source) == lower(key_attribute)) return &f;
  return nullptr;
}

const std::vector<DirectoryField>& subscriber_fields() {
  static const std::vector<DirectoryField> fields{
      field("MailboxNumber", "Mailbox Number", true),
      field("Password", "Password", true, FieldKind::password),
      field("avUmFindMeEnabled", "Find Me Enabled"),
      field("umRecordedName", "Recorded Name", false, FieldKind::binary),
      field("Community", "Community", true),
      field("ClassNo", "Class Of Service", true),
      field("asciiName", "ASCII Version of Name"),
      field("cn", "Common Name"),
      field("sn", "Last Name", true),
      field("givenName", "First Name"),
      field("telephoneNumber", "Telephone Number"),
      field("NumericAddress", "Numeric Address", true),
      field("Misc1", "Miscellaneous1"),
      field("Misc2", "Miscellaneous2"),
      field("Misc3", "Miscellaneous3"),
      field("Misc4", "Miscellaneous4"),
  };
  return fields;
}

std::string check_map(const DirectoryMap& map) {
  std::set<std::string> targets;
  for (const auto& f : map.fields) {
    if (!is_attribute(f.target)) return "\"" + f.target + "\" is no name of an attribute on DR";
    if (!f.source.empty() && !is_attribute(f.source))
      return "\"" + f.source + "\" is no name of an attribute on production";
    if (f.kind == FieldKind::password && (!f.constant.empty() || !f.fallback.empty()))
      return "a password is production's: " + f.target + " can have no constant and no default";
    if (f.source.empty() && f.constant.empty())
      return "the field for " + f.target + " has neither an attribute of production nor a constant";
    if (!targets.insert(lower(f.target)).second) return "two fields write " + f.target;
  }
  const auto* key = map.key_field();
  if (key == nullptr) return "no field maps the key attribute " + map.key_attribute;
  if (!key->constant.empty() || key->kind != FieldKind::text)
    return "the key " + map.key_attribute + " is a text of production's, never a constant";
  if (map.object_classes.empty()) return "entries that are added need an object class";
  if (!map.rdn_attribute.empty() && !targets.contains(lower(map.rdn_attribute)))
    return "no field gives the names on DR their " + map.rdn_attribute;
  return {};
}

std::vector<std::string> shape(const DirectoryField& field, std::vector<std::string> values) {
  if (!field.constant.empty()) return field.constant;
  if (values.empty() && !field.fallback.empty()) return {field.fallback};
  if (field.transforms.empty()) return values;
  std::vector<std::string> out;
  for (auto& value : values) {
    for (const auto& transform : field.transforms) apply(transform, value);
    if (!value.empty() && std::ranges::find(out, value) == out.end()) out.push_back(std::move(value));
  }
  if (out.empty() && !field.fallback.empty()) out.push_back(field.fallback);
  return out;
}

}  // namespace mirror::plan
