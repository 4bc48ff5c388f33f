// SPDX-License-Identifier: Apache-2.0
#pragma once

// Letters and octets of this room. ASCII only, whatever the locale: names on the wire know no other letters.

#include <string>
#include <string_view>

namespace mirror::ldap {

constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

constexpr bool is_letter(char c) noexcept {
  return to_lower(c) >= 'a' && to_lower(c) <= 'z';
}

inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = to_lower(c);
  return out;
}

// A backslash and two digits, which filters, names and keys have in common.
inline void append_hex(std::string& out, char octet) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(octet);
  out.push_back('\\');
  out.push_back(k_digits[value >> 4]);
  out.push_back(k_digits[value & 0x0F]);
}

// Neither a control character nor beyond ASCII.
constexpr bool is_printable(char c) noexcept {
  return c >= 0x20 && c <= 0x7E;
}

}  // namespace mirror::ldap
