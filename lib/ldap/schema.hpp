// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a server's subschema (RFC 4512 4.2) says of attribute types: how their values are compared, whether
// there may be more than one, whether clients may change them. Settings may override it, for servers whose
// schema lies.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ldap/types.hpp"

namespace mirror::ldap {

// How two values are known to be equal (RFC 4517 4.2, RFC 4518). Rules that nobody here knows compare octets.
enum class Rule {
  octets,          // octetStringMatch, and whatever is unknown
  boolean,         // booleanMatch
  integer,         // integerMatch: leading zeros do not count
  case_exact,      // caseExactMatch: Unicode prepared, inner spaces squeezed
  case_ignore,     // caseIgnoreMatch, caseIgnoreIA5Match
  case_exact_ia5,  // caseExactIA5Match
  numeric,         // numericStringMatch: spaces do not count
  telephone,       // telephoneNumberMatch: spaces and hyphens do not count
  dn,              // distinguishedNameMatch
  oid,             // objectIdentifierMatch: a name without regard to case
  time,            // generalizedTimeMatch: as octets, in upper case
};
std::string_view to_text(Rule rule);
std::optional<Rule> parse_rule(std::string_view text);

struct AttributeType {
  std::string oid;
  std::vector<std::string> names;  // the first is the one to show
  Rule rule = Rule::octets;
  bool has_equality = true;  // false: values cannot be added or removed one by one (inappropriateMatching)
  bool single_value = false;
  bool no_user_modification = false;
  bool operational = false;
  std::string syntax;  // OID
};

class Schema {
 public:
  Schema() = default;  // knows nothing: every type compares octets
  // entry: the subschema entry with its attributeTypes. Descriptions that cannot be read are kept aside by
  // their text in unreadable(), never fatal.
  static Schema parse(const Entry& entry);

  // By any of its names or its OID, options such as ";binary" left out; nullptr when it is unknown.
  const AttributeType* find(std::string_view name) const;
  Rule rule_of(std::string_view name) const;             // Rule::octets when it is unknown
  void override_rule(std::string_view name, Rule rule);  // also of a type the schema does not have
  const std::vector<std::string>& unreadable() const noexcept { return unreadable_; }

 private:
  std::vector<AttributeType> types_;
  std::map<std::string, std::size_t> by_name_;  // lower case names and OIDs
  std::vector<std::string> unreadable_;
};

}  // namespace mirror::ldap
