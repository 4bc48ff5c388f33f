// SPDX-License-Identifier: Apache-2.0
#pragma once

// What both sides say of a message, in a form that compares: flags, date, digest. No I/O.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mirror::base {

// The flags of one message as a canonical set: RFC 9051 system flags in their canonical spelling, keywords as
// first seen, compared without case, sorted, unique. \Recent is never a member: it belongs to a session.
class FlagSet {
 public:
  FlagSet() = default;
  explicit FlagSet(const std::vector<std::string>& words);
  // "\\Seen $Forwarded": space separated, with or without the outer parentheses. Inverse of text().
  static FlagSet parse(std::string_view text);

  void add(std::string_view word);
  void remove(std::string_view word);
  bool contains(std::string_view word) const;
  const std::vector<std::string>& words() const& noexcept { return words_; }
  void words() && = delete;  // a range-for over a temporary's words would read freed memory
  std::string text() const;  // space separated, no parentheses
  bool empty() const noexcept { return words_.empty(); }

  bool operator==(const FlagSet& other) const;
  bool operator<(const FlagSet& other) const;

 private:
  std::vector<std::string> words_;
};

// INTERNALDATE (RFC 9051 section 2.3.3): an instant plus the zone it was written in. Two dates are equal when
// the instants are; the zone is kept so that the same text can be sent on.
struct InternalDate {
  std::int64_t unix_seconds = 0;
  int zone_minutes = 0;

  // " 1-Jan-1970 00:00:00 +0000", also with a one-digit or zero-padded day. nullopt when it is no date.
  static std::optional<InternalDate> parse(std::string_view text);
  std::string text() const;  // always 26 characters, day padded with a space

  bool operator==(const InternalDate& other) const noexcept { return unix_seconds == other.unix_seconds; }
};

// SHA-256 of a message's octets as a server sent them.
using Digest = std::array<std::uint8_t, 32>;
std::string to_hex(const Digest& digest);

}  // namespace mirror::base
