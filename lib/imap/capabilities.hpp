// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a server says it can (RFC 9051 section 7.2.2). Pure.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "imap/types.hpp"

namespace mirror::imap {

class Capabilities {
 public:
  Capabilities() = default;
  // "IMAP4rev1 IDLE AUTH=PLAIN ...". IMAP4rev2 alone brings what it made part of the protocol (its appendix
  // E).
  static Capabilities parse(std::string_view text);

  bool known() const noexcept { return !text_.empty(); }  // a list was seen at all
  bool offers(Cap cap) const { return caps_.contains(cap); }
  std::optional<std::uint64_t> append_limit() const noexcept { return append_limit_; }
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
  std::set<Cap> caps_;
  std::optional<std::uint64_t> append_limit_;
};

}  // namespace mirror::imap
