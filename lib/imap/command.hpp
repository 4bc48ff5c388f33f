// SPDX-License-Identifier: Apache-2.0
#pragma once

// Writes commands (RFC 9051 section 6 and 9). Pure: text out, in parts where the server must say "+" in
// between.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "imap/types.hpp"

namespace mirror::imap {

// Command lines stay under 8192 octets everywhere (Dovecot counts 64 KiB, others 8 KiB).
inline constexpr std::size_t k_longest_set = 4096;

enum class LiteralStyle { synchronising, minus, plus };  // RFC 7888
// Whether a literal of this length may be sent without waiting for "+".
bool goes_unasked(LiteralStyle style, std::uint64_t length);
// "{12}" or "{12+}".
std::string literal_mark(LiteralStyle style, std::uint64_t length);

class Command {
 public:
  // name: what observers see and the line begins with, "UID FETCH".
  Command(std::string name, LiteralStyle style);

  Command& text(std::string_view words);     // as is, a space before it
  Command& string(std::string_view octets);  // atom, quoted or literal, a space before it
  Command& folder(std::string_view wire_name) { return string(wire_name); }

  const std::string& name() const noexcept { return name_; }
  // All parts; after each but the last the server must say "+" first. No tag, no last CRLF.
  const std::vector<std::string>& parts() const noexcept { return parts_; }

 private:
  std::string name_;
  LiteralStyle style_;
  std::vector<std::string> parts_;
};

std::string flag_list(const FlagSet& flags);  // "(\\Seen x)"; empty: "()"

}  // namespace mirror::imap
