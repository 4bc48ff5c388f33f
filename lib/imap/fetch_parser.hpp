// SPDX-License-Identifier: Apache-2.0
#pragma once

// The items of a FETCH response (RFC 9051 section 7.5.2). Pure.

#include <optional>

#include "base/failure.hpp"
#include "imap/response.hpp"

namespace mirror::imap {

struct FetchData {
  MessageData message;
  bool has_body = false;            // BODY[], RFC822 or BINARY[] was among the items
  bool body_streamed = false;       // and passed by as a literal
  std::optional<std::string> body;  // it came as a quoted string; with has_body alone it was NIL
};

// Items it does not know are skipped; a shape that is no item list is MRD-IMAP-001.
base::Result<FetchData> parse_fetch(const Response& response);

// Flag words of a list value, for FLAGS.
FlagSet flags_of(const Value& list);

}  // namespace mirror::imap
