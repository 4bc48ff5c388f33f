// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which attributes of an entry are mirrored, under which names, and what becomes of their values on the way.
// PURE.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mirror::plan {

struct Transform {
  enum class Kind { trim, upper, lower, digits, prefix, strip_prefix };
  Kind kind = Kind::trim;
  std::string argument;  // of prefix and strip_prefix
};
// "trim", "upper", "lower" (ASCII letters), "digits" (nothing else is left), "prefix:TEXT",
// "strip_prefix:TEXT".
std::optional<Transform> parse_transform(std::string_view text);

enum class FieldKind {
  text,
  password,  // compared, copied, never shown
  binary,    // shown as its length and SHA-256
};
std::optional<FieldKind> parse_field_kind(std::string_view text);
std::string_view to_text(FieldKind kind);
// Of an attribute whose kind nobody said: Password and userPassword are passwords.
FieldKind usual_kind(std::string_view attribute);

struct DirectoryField {
  std::string source;  // attribute on production; empty: constant alone
  std::string target;  // attribute on DR
  std::string name;    // what an administrator knows it by
  FieldKind kind = FieldKind::text;
  bool required = false;              // an entry that lacks it is not added
  std::string rule;                   // in place of what the schema says of its values; empty: the schema's
  std::vector<std::string> constant;  // in place of production's values
  std::string fallback;               // where production has none
  std::vector<Transform> transforms;
};

struct DirectoryMap {
  std::vector<DirectoryField> fields;
  std::string key_attribute;                // of production
  std::string rdn_attribute;                // of the names on DR; empty: as on production
  std::vector<std::string> object_classes;  // of entries that are added
  bool spelling = false;  // a value that is equal by its rule and written differently is a difference

  const DirectoryField* key_field() const;  // nullptr: none maps the key attribute
};

// The sixteen fields of a voice-mail subscriber.
const std::vector<DirectoryField>& subscriber_fields();

// "" or what is wrong with the map, for a person.
std::string check_map(const DirectoryMap& map);

// What DR shall have for a field: production's values through constant, default and transforms; values that
// become empty are left out, equal ones are there once.
std::vector<std::string> shape(const DirectoryField& field, std::vector<std::string> values);

}  // namespace mirror::plan
