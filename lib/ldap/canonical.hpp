// SPDX-License-Identifier: Apache-2.0
#pragma once

// A value in the one form that all values equal to it under a rule share. PURE. What is no value of the
// rule's syntax keeps its octets, so that it differs from every other and is never taken for equal.

#include <string>
#include <string_view>

#include "ldap/schema.hpp"

namespace mirror::ldap {

// RFC 4517 and the string preparation of RFC 4518 (insignificant characters, NFKC, case folding, spaces).
std::string canonical(Rule rule, std::string_view value);

// Both values canonicalised, of one attribute: the order of values says nothing (RFC 4512 2.3.1).
bool equal_values(Rule rule, const std::vector<std::string>& a, const std::vector<std::string>& b);

}  // namespace mirror::ldap
