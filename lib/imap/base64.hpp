// SPDX-License-Identifier: Apache-2.0
#pragma once

// Base64 (RFC 4648 section 4) as SASL uses it. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace mirror::imap {

std::string encode_base64(std::string_view octets);
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace mirror::imap
