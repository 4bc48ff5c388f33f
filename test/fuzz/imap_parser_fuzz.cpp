// SPDX-License-Identifier: Apache-2.0
// Any octets, cut in any way, give the same events; what the events hold is safe to interpret.
#include <fmt/format.h>

#include <cstdlib>

#include "imap/capabilities.hpp"
#include "imap/fetch_parser.hpp"
#include "imap/list_parser.hpp"
#include "imap/response_parser.hpp"
#include "imap/status_parser.hpp"

namespace {

using namespace mirror::imap;

void interpret(const Response& response) {
  (void)append_uid(response.reply);
  (void)suggested_backoff(response.reply.text);
  (void)failure_of(response.reply, "APPEND", response.tag);
  (void)Capabilities::parse(response.rest);
  if (response.name == "FETCH") (void)parse_fetch(response);
  if (response.name == "LIST" || response.name == "LSUB") (void)parse_list(response);
  if (response.name == "STATUS") (void)parse_status(response);
  if (response.name == "SEARCH" || response.name == "ESEARCH") (void)parse_search(response);
  if (response.name == "VANISHED") (void)parse_vanished(response);
  if (response.name == "NAMESPACE") (void)parse_namespace(response);
  if (response.name == "ID") (void)parse_id(response);
}

void note(std::string& log, const ResponseEvent& event) {
  if (const auto* begin = std::get_if<BodyBegin>(&event)) {
    log += fmt::format("<{} {}:", begin->sequence, begin->length);
  } else if (const auto* chunk = std::get_if<BodyChunk>(&event)) {
    log += chunk->octets;
  } else if (std::holds_alternative<BodyEnd>(event)) {
    log += ">";
  } else {
    const auto& response = std::get<Response>(event);
    interpret(response);
    log += fmt::format("[{} {} {} {} {} {}]", response.tag, response.name, response.number, response.rest,
                       response.reply.code, response.values.size());
  }
}

std::string events_of(std::string_view input, std::size_t step) {
  ResponseParser parser;
  std::string log;
  for (; !input.empty(); input.remove_prefix(std::min(step, input.size()))) {
    parser.feed(input.substr(0, step));
    for (;;) {
      const auto event = parser.next();
      if (event.has_error()) return log + "!";
      if (!event->has_value()) break;
      note(log, **event);
    }
  }
  return log;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string whole = events_of(input, size + 1);
  if (events_of(input, 1) != whole || events_of(input, 5) != whole) std::abort();
  return 0;
}
