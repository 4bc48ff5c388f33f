// SPDX-License-Identifier: Apache-2.0
#include "mirror/canonical.hpp"

#include <catch2/catch.hpp>

namespace mirror::engine {
namespace {

bool alterable(std::string_view message, std::size_t piece) {
  AlterableHeader header;
  for (std::size_t at = 0; at < message.size(); at += piece) header.feed(message.substr(at, piece));
  return header.found();
}

TEST_CASE("an octet that a server may alter counts in the header alone, however the message is cut") {
  using namespace std::string_view_literals;
  for (const std::size_t piece : {1U, 2U, 3U, 1000U}) {
    CHECK(alterable("Subject: \xFC\r\n\r\nbody\r\n"sv, piece));
    CHECK(alterable("Subject: a\0b\r\n\r\nbody\r\n"sv, piece));
    CHECK(alterable("Subject: a\r\nFrom: \xFC"sv, piece));
    CHECK_FALSE(alterable("Subject: a\r\n\r\n\xFC\0\r\n"sv, piece));
    CHECK_FALSE(alterable("Subject: a\n\n\xFC\n"sv, piece));
    CHECK_FALSE(alterable("\r\n\xFC\r\n"sv, piece));
    CHECK_FALSE(alterable(""sv, piece));
  }
}

}  // namespace
}  // namespace mirror::engine
