// SPDX-License-Identifier: Apache-2.0
#pragma once

// One server response as a value, and the parts of a message body that pass by while its FETCH is read. Pure
// data for the room; what the words mean is decided by fetch_parser, list_parser and status_parser.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "imap/types.hpp"

namespace mirror::imap {

// A parsed token: atom, string (quoted or literal), NIL, list, or the place of a body that was streamed.
struct Value {
  enum class Kind { atom, string, nil, list, streamed };
  Kind kind = Kind::nil;
  std::string text;          // of atom and string; of NIL the word itself
  std::vector<Value> items;  // of list
  bool is_list() const noexcept { return kind == Kind::list; }
  bool is_text() const noexcept { return kind == Kind::atom || kind == Kind::string; }
};

struct Response {
  enum class Kind { tagged, untagged, go_ahead };
  Kind kind = Kind::untagged;
  std::string tag;
  std::string name;           // upper case: "FETCH", "OK", "BYE"; empty for "+"
  std::uint32_t number = 0;   // "* 12 FETCH"
  Reply reply;                // of OK, NO, BAD, BYE, PREAUTH and tagged replies (BYE counts as no)
  std::string rest;           // after the name, for responses that are not structured; after "+ "
  std::vector<Value> values;  // of FETCH, LIST, LSUB, STATUS, ESEARCH, NAMESPACE, ID
  bool passed_over = false;   // a FETCH with a BODYSTRUCTURE too long or too deep: no values
};

// A message body inside a FETCH response, always streamed, whatever its size.
struct BodyBegin {
  std::uint32_t sequence = 0;
  std::optional<base::Uid> uid;  // when the server named it before the literal
  std::uint64_t length = 0;      // the literal's own
};
struct BodyChunk {
  std::string_view octets;  // valid until the parser is called again
};
struct BodyEnd {};

using ResponseEvent = std::variant<Response, BodyBegin, BodyChunk, BodyEnd>;

}  // namespace mirror::imap
