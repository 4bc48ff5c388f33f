// SPDX-License-Identifier: Apache-2.0
#include "ldap/canonical.hpp"

#include <algorithm>

#include "ldap/dn.hpp"
#include "ldap/prepare_detail.hpp"
#include "ldap/text_detail.hpp"

namespace mirror::ldap {
namespace {

// In front of what is no value of the syntax. No canonical form has a control character: preparation takes
// them out, the other syntaxes have none, and keys of names escape them.
constexpr char k_no_value = '\x01';

std::string no_value(std::string_view octets) {
  std::string out(1, k_no_value);
  out.append(octets);
  return out;
}

std::string prepared(std::string_view value, Letters letters, Spacing spacing) {
  auto out = prepare(value, letters, spacing);
  return out ? std::move(*out) : no_value(value);
}

// RFC 4517 3.3.16 allows no leading zeros and no "-0"; servers less strict than that mean the same number.
std::string integer(std::string_view value) {
  const bool negative = value.starts_with('-');
  const std::string_view digits = value.substr(negative ? 1 : 0);
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return no_value(value);
  const auto first = digits.find_first_not_of('0');
  if (first == std::string_view::npos) return "0";
  std::string out(negative ? "-" : "");
  out.append(digits.substr(first));
  return out;
}

std::string numeric(std::string_view value) {
  if (value.empty()) return no_value(value);
  std::string out;
  out.reserve(value.size());
  for (const char c : value) {
    if (is_digit(c))
      out.push_back(c);
    else if (c != ' ')
      return no_value(value);
  }
  return out;
}

// A name or dotted numbers. That a name and its numbers are the same is known to the server alone.
std::string oid(std::string_view value) {
  const auto fits = [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-'; };
  if (value.empty() || !std::ranges::all_of(value, fits)) return no_value(value);
  return lower(value);
}

// Ten digits are the least there is: year, month, day and hour.
std::string time(std::string_view value) {
  constexpr std::string_view k_others = ".,+-Z";
  const auto is_digits = [&](std::size_t count) {
    return value.size() > count && std::ranges::all_of(value.substr(0, count), is_digit);
  };
  if (!is_digits(10)) return no_value(value);
  std::string out(value);
  if (out.back() == 'z') out.back() = 'Z';
  for (const char c : out) {
    if (!is_digit(c) && k_others.find(c) == std::string_view::npos) return no_value(value);
  }
  return out;
}

Entry standard_types() {
  Attribute types{"attributeTypes", {}};
  for (const auto* names :
       {"2.5.4.3 NAME ( 'cn' 'commonName' )", "2.5.4.7 NAME ( 'l' 'localityName' )",
        "2.5.4.8 NAME ( 'st' 'stateOrProvinceName' )", "2.5.4.10 NAME ( 'o' 'organizationName' )",
        "2.5.4.11 NAME ( 'ou' 'organizationalUnitName' )", "2.5.4.6 NAME ( 'c' 'countryName' )",
        "2.5.4.9 NAME ( 'street' 'streetAddress' )",
        "0.9.2342.19200300.100.1.25 NAME ( 'dc' 'domainComponent' )",
        "0.9.2342.19200300.100.1.1 NAME ( 'uid' 'userid' )"}) {
    types.values.push_back("( " + std::string(names) + " EQUALITY caseIgnoreMatch )");
  }
  return {"", {std::move(types)}};
}

// A value that is a name comes without a schema. The nine types that RFC 4514 3 names ignore case on every
// server (RFC 4519); for the others only the same octets are surely the same.
std::string name_key(std::string_view value) {
  static const Schema schema = Schema::parse(standard_types());
  const auto name = Dn::parse(value);
  return name ? name->key(schema) : no_value(value);
}

}  // namespace

std::string canonical(Rule rule, std::string_view value) {
  switch (rule) {
    case Rule::octets:
      return std::string(value);
    case Rule::boolean:
      return value == "TRUE" || value == "FALSE" ? std::string(value) : no_value(value);
    case Rule::integer:
      return integer(value);
    case Rule::case_exact:
      return prepared(value, Letters::exact, Spacing::squeezed);
    case Rule::case_ignore:
      return prepared(value, Letters::folded, Spacing::squeezed);
    case Rule::case_exact_ia5:
      return is_ascii(value) ? prepared(value, Letters::exact, Spacing::squeezed) : no_value(value);
    case Rule::numeric:
      return numeric(value);
    case Rule::telephone:
      // Whatever is no PrintableString is prepared too: a server that stores "*72 1" does not see its spaces.
      return prepared(value, Letters::folded, Spacing::telephone);
    case Rule::dn:
      return name_key(value);
    case Rule::oid:
      return oid(value);
    case Rule::time:
      return time(value);
  }
  return no_value(value);
}

// Values are counted, although no server should have two that are equal: a server that tells them apart after
// all (OpenLDAP does "Strasse" and "Straße") would else keep one too few, and nobody would see it.
bool equal_values(Rule rule, const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (a == b) return true;
  if (a.size() != b.size()) return false;
  const auto sorted = [rule](const std::vector<std::string>& values) {
    std::vector<std::string> out;
    out.reserve(values.size());
    for (const auto& value : values) out.push_back(canonical(rule, value));
    std::ranges::sort(out);
    return out;
  };
  return sorted(a) == sorted(b);
}

}  // namespace mirror::ldap
