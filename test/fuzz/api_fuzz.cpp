// SPDX-License-Identifier: Apache-2.0
// What other programs send: bodies of the API, events of a store as they are posted and streamed. Any octets
// are safe; a body that is refused is refused as a Problem.
#include "http/fields.hpp"
#include "mirror/push_source.hpp"
#include "mirror/stream_source.hpp"

namespace {

using namespace mirror::http;

void read_body(const std::string& body, const std::vector<Field>& fields, bool creating) {
  try {
    read_fields(body, fields, creating);
  } catch (const Problem&) {
    // the answer to a wrong body
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  for (const bool creating : {false, true}) {
    read_body(input, store_fields(), creating);
    read_body(input, link_fields(), creating);
  }
  mirror::engine::parse_exported_event(input);
  mirror::engine::parse_stream_event(input);
  return 0;
}
