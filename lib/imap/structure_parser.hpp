// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a BODYSTRUCTURE (RFC 9051 section 7.5.2) tells of the attachments. Pure.

#include <string>
#include <vector>

#include "imap/response.hpp"

namespace mirror::imap {

inline constexpr std::size_t k_most_file_names = 64;

// The file names of a message's own parts, in their order: "name" of a Content-Type and "filename" of a
// Content-Disposition, RFC 2231 undone, encoded words as they stand. The parts of a message that is itself an
// attachment are not this message's. A shape that is no structure has none.
std::vector<std::string> file_names_of(const Value& structure);

}  // namespace mirror::imap
