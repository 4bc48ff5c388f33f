// SPDX-License-Identifier: Apache-2.0
#pragma once

// Status texts: "[CODE arguments] human words" (RFC 9051 section 7.1, RFC 5530). Pure.

#include <chrono>
#include <optional>
#include <string_view>

#include "imap/types.hpp"

namespace mirror::imap {

// Everything after OK, NO, BAD; the status itself is left at ok.
Reply parse_reply_text(std::string_view text);

// A login that was answered NO or BAD. MRD-IMAP-010 and 011 by method and code; "try later" codes keep their
// own.
base::Failure login_failure(const Reply& reply, std::string_view owner, bool own_password);

}  // namespace mirror::imap
