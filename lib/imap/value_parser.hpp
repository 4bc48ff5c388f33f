// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reads the tokens of one response (RFC 9051 section 9) from a buffer in which literals stand in place. Pure.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imap/response.hpp"

namespace mirror::imap {

inline constexpr int k_deepest_list = 32;

// A buffer holds a response without its last CRLF; a literal is "{n}" LF and then its octets, except that
// those of a literal whose '{' stands at one of the streamed offsets (ascending) were taken out. nullopt when
// malformed. partial: the buffer ends inside a list, which is closed there.
std::optional<std::vector<Value>> parse_values(std::string_view buffer, std::size_t at,
                                               const std::vector<std::size_t>& streamed, bool partial);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
bool iequals(std::string_view a, std::string_view b);
// Decimal digits only, nothing else, no overflow.
std::optional<std::uint64_t> parse_number(std::string_view digits);
std::optional<std::uint32_t> parse_number32(std::string_view digits);

}  // namespace mirror::imap
