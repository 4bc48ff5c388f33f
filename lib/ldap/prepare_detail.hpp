// SPDX-License-Identifier: Apache-2.0
#pragma once

// String preparation for comparing (RFC 4518). Two steps of it are left out: the one that forbids characters,
// because an answer is needed for them too and servers do store them, and bidirectional checks, which change
// nothing.

#include <optional>
#include <string>
#include <string_view>

namespace mirror::ldap {

enum class Letters { exact, folded };
enum class Spacing {
  squeezed,   // none at the ends, one between words (2.6.1)
  telephone,  // neither spaces nor hyphens (2.6.3)
};

// nullopt when value is no UTF-8. Without control characters in any case.
std::optional<std::string> prepare(std::string_view value, Letters letters, Spacing spacing);

bool is_ascii(std::string_view value) noexcept;

}  // namespace mirror::ldap
