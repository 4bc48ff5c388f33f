// SPDX-License-Identifier: Apache-2.0
#include "ldap/types.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ldap/text_detail.hpp"

namespace mirror::ldap {
namespace {

struct CodeRow {
  int number;
  std::string_view name;
};

// Also those without a name in Code: an administrator looks for the word, not for the number.
constexpr CodeRow k_codes[] = {
    {0, "success"},
    {1, "operationsError"},
    {2, "protocolError"},
    {3, "timeLimitExceeded"},
    {4, "sizeLimitExceeded"},
    {5, "compareFalse"},
    {6, "compareTrue"},
    {7, "authMethodNotSupported"},
    {8, "strongerAuthRequired"},
    {10, "referral"},
    {11, "adminLimitExceeded"},
    {12, "unavailableCriticalExtension"},
    {13, "confidentialityRequired"},
    {14, "saslBindInProgress"},
    {16, "noSuchAttribute"},
    {17, "undefinedAttributeType"},
    {18, "inappropriateMatching"},
    {19, "constraintViolation"},
    {20, "attributeOrValueExists"},
    {21, "invalidAttributeSyntax"},
    {32, "noSuchObject"},
    {33, "aliasProblem"},
    {34, "invalidDNSyntax"},
    {36, "aliasDereferencingProblem"},
    {48, "inappropriateAuthentication"},
    {49, "invalidCredentials"},
    {50, "insufficientAccessRights"},
    {51, "busy"},
    {52, "unavailable"},
    {53, "unwillingToPerform"},
    {54, "loopDetect"},
    {64, "namingViolation"},
    {65, "objectClassViolation"},
    {66, "notAllowedOnNonLeaf"},
    {67, "notAllowedOnRDN"},
    {68, "entryAlreadyExists"},
    {69, "objectClassModsProhibited"},
    {71, "affectsMultipleDSAs"},
    {80, "other"},
    {118, "canceled"},
    {119, "noSuchOperation"},
    {120, "tooLate"},
    {121, "cannotCancel"},
    {122, "assertionFailed"},
};

}  // namespace

const Attribute* Entry::find(std::string_view name) const noexcept {
  for (const auto& attribute : attributes) {
    if (same_name(attribute.name, name)) return &attribute;
  }
  return nullptr;
}

std::string_view Entry::first(std::string_view name) const noexcept {
  const Attribute* found = find(name);
  return found == nullptr || found->values.empty() ? std::string_view() : found->values.front();
}

std::string to_text(Code code) {
  const int number = static_cast<int>(code);
  for (const auto& row : k_codes) {
    if (row.number == number) return fmt::format("{} {}", number, row.name);
  }
  return fmt::format("{}", number);
}

std::string Outcome::words() const {
  return text.empty() ? to_text(code) : to_text(code) + ": " + text;
}

std::string escape_filter(std::string_view value) {
  // RFC 4515 asks for less; escaping whatever is not printable besides spares the question whether it is
  // UTF-8.
  constexpr std::string_view k_special = "*()\\";
  std::string out;
  out.reserve(value.size());
  for (const char c : value) {
    if (is_printable(c) && k_special.find(c) == std::string_view::npos)
      out.push_back(c);
    else
      append_hex(out, c);
  }
  return out;
}

bool is_part(std::string_view name) noexcept {
  constexpr std::string_view k_option = ";range=";
  for (auto at = name.find(';'); at != std::string_view::npos; at = name.find(';', at + 1))
    if (same_name(name.substr(at, k_option.size()), k_option)) return true;
  return false;
}

bool same_name(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return to_lower(x) == to_lower(y); });
}

}  // namespace mirror::ldap
