// SPDX-License-Identifier: Apache-2.0
#include "ldap/schema.hpp"

#include <ldap_schema.h>

#include <memory>

#include "ldap/text_detail.hpp"

namespace mirror::ldap {
namespace {

struct FreeType {
  void operator()(LDAPAttributeType* type) const noexcept { ldap_attributetype_free(type); }
};

// A description as it stands there, before it takes over what its superior says.
struct Description {
  AttributeType type;
  std::string superior;
  std::string equality;
};

std::string text_of(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

std::optional<Description> parse_description(const std::string& text) {
  // libldap reads to the first NUL and would take a half for the whole.
  if (text.find('\0') != std::string::npos) return std::nullopt;
  int code = 0;
  const char* where = nullptr;
  // Old servers write names for OIDs and quotes where none belong; refusing those would cost the whole type.
  const std::unique_ptr<LDAPAttributeType, FreeType> read(
      ldap_str2attributetype(text.c_str(), &code, &where, LDAP_SCHEMA_ALLOW_ALL));
  if (!read) return std::nullopt;

  Description out{{}, text_of(read->at_sup_oid), text_of(read->at_equality_oid)};
  AttributeType& type = out.type;
  type.oid = text_of(read->at_oid);
  for (char** name = read->at_names; name != nullptr && *name != nullptr; ++name) {
    if (**name != '\0') type.names.emplace_back(*name);
  }
  // A type may have no name; there is always one to show.
  if (type.names.empty() && !type.oid.empty()) type.names.push_back(type.oid);
  if (type.names.empty()) return std::nullopt;
  type.single_value = read->at_single_value != 0;
  type.no_user_modification = read->at_no_user_mod != 0;
  type.operational = read->at_usage != LDAP_SCHEMA_USER_APPLICATIONS;
  type.syntax = text_of(read->at_syntax_oid);
  return out;
}

// What the superiors of one type say and it does not. Superiors may come later in the list, or never.
void inherit(std::vector<Description>& all, std::size_t index,
             const std::map<std::string, std::size_t>& by_name) {
  constexpr int k_longest = 100;  // real chains have three links; a circle has no end
  Description& heir = all[index];
  std::size_t at = index;
  for (int i = 0; i < k_longest && (heir.equality.empty() || heir.type.syntax.empty()); ++i) {
    const auto found = by_name.find(lower(all[at].superior));
    if (found == by_name.end()) return;
    at = found->second;
    if (heir.equality.empty()) heir.equality = all[at].equality;
    if (heir.type.syntax.empty()) heir.type.syntax = all[at].type.syntax;
  }
}

std::string without_options(std::string_view name) {
  return lower(name.substr(0, name.find(';')));
}

}  // namespace

Schema Schema::parse(const Entry& entry) {
  Schema schema;
  const Attribute* texts = entry.find("attributeTypes");
  if (texts == nullptr) return schema;
  std::vector<Description> all;
  for (const auto& text : texts->values) {
    auto description = parse_description(text);
    if (!description) {
      schema.unreadable_.push_back(text);
      continue;
    }
    for (const auto& name : description->type.names) schema.by_name_.emplace(lower(name), all.size());
    if (!description->type.oid.empty()) schema.by_name_.emplace(lower(description->type.oid), all.size());
    all.push_back(std::move(*description));
  }
  for (std::size_t i = 0; i < all.size(); ++i) inherit(all, i, schema.by_name_);
  for (auto& description : all) {
    AttributeType& type = description.type;
    // Without an equality rule the syntax might suggest one, but the server itself compares nothing then
    // (inappropriateMatching): every other octet is another value, and only a replace can write it.
    type.has_equality = !description.equality.empty();
    type.rule = parse_rule(description.equality).value_or(Rule::octets);
    schema.types_.push_back(std::move(type));
  }
  return schema;
}

const AttributeType* Schema::find(std::string_view name) const {
  const auto found = by_name_.find(without_options(name));
  return found == by_name_.end() ? nullptr : &types_[found->second];
}

Rule Schema::rule_of(std::string_view name) const {
  const AttributeType* type = find(name);
  return type == nullptr ? Rule::octets : type->rule;
}

void Schema::override_rule(std::string_view name, Rule rule) {
  const auto [place, is_new] = by_name_.emplace(without_options(name), types_.size());
  if (is_new) {
    AttributeType type;
    type.names.emplace_back(name.substr(0, name.find(';')));
    types_.push_back(std::move(type));
  }
  types_[place->second].rule = rule;
}

}  // namespace mirror::ldap
