// SPDX-License-Identifier: Apache-2.0
#pragma once

// Folder names on the wire: modified UTF-7 (RFC 3501 section 5.1.3). Pure.

#include <optional>
#include <string>
#include <string_view>

namespace mirror::imap {

// UTF-8 to modified UTF-7; nullopt when the text is not valid UTF-8.
std::optional<std::string> encode_utf7(std::string_view utf8);
// The reverse. nullopt unless encoding the answer gives the same octets again (so every name goes back to the
// server exactly as it came), or when the name holds U+0000.
std::optional<std::string> decode_utf7(std::string_view wire);

bool is_utf8(std::string_view octets);
// Server words for people and logs: control characters and invalid UTF-8 become '?', at most limit octets.
std::string printable(std::string_view octets, std::size_t limit);

}  // namespace mirror::imap
