// SPDX-License-Identifier: Apache-2.0
#pragma once

// The primitives of SCRAM-SHA-256 (RFC 5802, RFC 7677), by OpenSSL. Strings are octets.

#include <string>
#include <string_view>

namespace mirror::base {

std::string hmac_sha256(std::string_view key, std::string_view octets);
// Hi() of RFC 5802: PBKDF2 with HMAC-SHA-256, 32 octets. iterations > 0.
std::string pbkdf2_sha256(std::string_view password, std::string_view salt, unsigned iterations);
std::string random_octets(std::size_t count);
bool equal_in_constant_time(std::string_view left, std::string_view right);

}  // namespace mirror::base
