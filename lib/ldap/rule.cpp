// SPDX-License-Identifier: Apache-2.0
#include "ldap/schema.hpp"
#include "ldap/text_detail.hpp"

namespace mirror::ldap {
namespace {

struct RuleRow {
  Rule rule;
  std::string_view text;
};

constexpr RuleRow k_rules[] = {
    {Rule::octets, "octets"},
    {Rule::boolean, "boolean"},
    {Rule::integer, "integer"},
    {Rule::case_exact, "case_exact"},
    {Rule::case_ignore, "case_ignore"},
    {Rule::case_exact_ia5, "case_exact_ia5"},
    {Rule::numeric, "numeric"},
    {Rule::telephone, "telephone"},
    {Rule::dn, "dn"},
    {Rule::oid, "oid"},
    {Rule::time, "time"},
};

// A subschema may name a matching rule either way. What is missing here compares octets, which never takes
// two different values for one. caseIgnoreListMatch joins its lines with '$', which preparation leaves alone:
// it may miss that two are equal, never the reverse.
struct MatchingRow {
  Rule rule;
  std::string_view name;
  std::string_view oid;
};

constexpr MatchingRow k_matching[] = {
    {Rule::oid, "objectIdentifierMatch", "2.5.13.0"},
    {Rule::dn, "distinguishedNameMatch", "2.5.13.1"},
    {Rule::case_ignore, "caseIgnoreMatch", "2.5.13.2"},
    {Rule::case_exact, "caseExactMatch", "2.5.13.5"},
    {Rule::numeric, "numericStringMatch", "2.5.13.8"},
    {Rule::case_ignore, "caseIgnoreListMatch", "2.5.13.11"},
    {Rule::boolean, "booleanMatch", "2.5.13.13"},
    {Rule::integer, "integerMatch", "2.5.13.14"},
    {Rule::octets, "octetStringMatch", "2.5.13.17"},
    {Rule::telephone, "telephoneNumberMatch", "2.5.13.20"},
    {Rule::time, "generalizedTimeMatch", "2.5.13.27"},
    {Rule::case_exact_ia5, "caseExactIA5Match", "1.3.6.1.4.1.1466.109.114.1"},
    {Rule::case_ignore, "caseIgnoreIA5Match", "1.3.6.1.4.1.1466.109.114.2"},
};

}  // namespace

std::string_view to_text(Rule rule) {
  for (const auto& row : k_rules) {
    if (row.rule == rule) return row.text;
  }
  return {};
}

std::optional<Rule> parse_rule(std::string_view text) {
  for (const auto& row : k_rules) {
    if (row.text == text) return row.rule;
  }
  for (const auto& row : k_matching) {
    if (same_name(row.name, text) || row.oid == text) return row.rule;
  }
  return std::nullopt;
}

}  // namespace mirror::ldap
