// SPDX-License-Identifier: Apache-2.0
#include "imap/response_code.hpp"
#include "imap/response_parser.hpp"
#include "imap/value_parser.hpp"

namespace mirror::imap {
namespace {

using base::Failure;
using base::Result;

Failure malformed(std::string_view why) {
  return Failure("MRD-IMAP-001", std::string(why));
}

// Splits the first word off; the space after it is eaten.
std::string_view take_word(std::string_view& line) {
  const auto end = line.find(' ');
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  return word;
}

bool is_structured(std::string_view name) {
  for (const std::string_view known : {"FETCH", "LIST", "LSUB", "STATUS", "ESEARCH", "NAMESPACE", "ID"}) {
    if (name == known) return true;
  }
  return false;
}

bool is_status(std::string_view name) {
  return name == "OK" || name == "NO" || name == "BAD" || name == "BYE" || name == "PREAUTH";
}

Reply reply_of(std::string_view name, std::string_view text) {
  Reply reply = parse_reply_text(text);
  reply.status = name == "OK" || name == "PREAUTH" ? Reply::Status::ok
                 : name == "BAD"                   ? Reply::Status::bad
                                                   : Reply::Status::no;
  return reply;
}

Result<Response> parse_untagged(std::string_view buffer, const std::vector<std::size_t>& streamed) {
  Response response;
  std::string_view line = buffer.substr(2);
  std::string_view word = take_word(line);
  if (!word.empty() && word.front() >= '0' && word.front() <= '9') {
    const auto number = parse_number32(word);
    if (!number) return malformed("number out of range");
    response.number = *number;
    word = take_word(line);
  }
  if (word.empty()) return malformed("response without a name");
  response.name = upper(word);
  if (is_status(response.name)) {
    response.reply = reply_of(response.name, line);
  } else if (is_structured(response.name)) {
    auto values = parse_values(buffer, buffer.size() - line.size(), streamed, false);
    if (!values) return malformed("malformed " + response.name);
    response.values = std::move(*values);
  } else {
    response.rest.assign(line);
  }
  return response;
}

}  // namespace

Result<Response> parse_response(std::string_view buffer, const std::vector<std::size_t>& streamed) {
  if (buffer.starts_with("* ")) return parse_untagged(buffer, streamed);
  Response response;
  std::string_view line = buffer;
  const std::string_view tag = take_word(line);
  if (tag == "+") {
    response.kind = Response::Kind::go_ahead;
    response.rest.assign(line);
    return response;
  }
  if (tag.empty() || tag == "*") return malformed("line without a tag");
  response.kind = Response::Kind::tagged;
  response.tag.assign(tag);
  response.name = upper(take_word(line));
  if (response.name != "OK" && response.name != "NO" && response.name != "BAD")
    return malformed("no such reply");
  response.reply = reply_of(response.name, line);
  return response;
}

}  // namespace mirror::imap
