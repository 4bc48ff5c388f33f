// SPDX-License-Identifier: Apache-2.0
#include "imap/fetch_parser.hpp"

#include "imap/structure_parser.hpp"
#include "imap/value_parser.hpp"

namespace mirror::imap {
namespace {

using base::Failure;
using base::Result;

void take_body(FetchData& data, const Value& value) {
  data.has_body = true;
  data.body_streamed = data.body_streamed || value.kind == Value::Kind::streamed;
  if (value.kind == Value::Kind::string) data.body = value.text;
}

void take_item(FetchData& data, std::string_view name, const Value& value) {
  MessageData& message = data.message;
  if (name == "UID") {
    const auto uid = parse_number32(value.text);
    if (uid && *uid != 0) message.uid = Uid{*uid};
  } else if (name == "FLAGS") {
    if (value.is_list()) message.flags = flags_of(value);
  } else if (name == "INTERNALDATE") {
    message.date = InternalDate::parse(value.text);
  } else if (name == "RFC822.SIZE") {
    message.size = parse_number(value.text);
  } else if (name == "MODSEQ") {
    const auto number =
        value.is_list() && value.items.size() == 1 ? parse_number(value.items.front().text) : std::nullopt;
    if (number) message.modseq = ModSeq{*number};
  } else if (name == "BODYSTRUCTURE") {
    message.file_names = file_names_of(value);
  } else if (name == "BODY[]" || name.starts_with("BODY[]<") || name == "RFC822" ||
             name.starts_with("BINARY[]")) {
    take_body(data, value);
  } else if (name.starts_with("BODY[HEADER") || name == "RFC822.HEADER") {
    // A server may say NIL for "no such header"; an empty string means the same.
    message.header = value.kind == Value::Kind::nil ? std::string() : value.text;
  }
}

}  // namespace

FlagSet flags_of(const Value& list) {
  FlagSet flags;
  for (const auto& item : list.items) {
    if (!item.is_list()) flags.add(item.text);
  }
  return flags;
}

Result<FetchData> parse_fetch(const Response& response) {
  if (response.values.size() != 1 || !response.values.front().is_list())
    return Failure("MRD-IMAP-001", "FETCH response without an item list");
  const auto& items = response.values.front().items;
  if (items.size() % 2 != 0) return Failure("MRD-IMAP-001", "FETCH response with an odd number of items");
  FetchData data;
  data.message.sequence = response.number;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (!items[i].is_text()) return Failure("MRD-IMAP-001", "FETCH item without a name");
    take_item(data, upper(items[i].text), items[i + 1]);
  }
  return data;
}

}  // namespace mirror::imap
