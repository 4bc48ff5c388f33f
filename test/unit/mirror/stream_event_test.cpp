// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "mirror/stream_source.hpp"

using mirror::engine::parse_stream_event;

TEST_CASE("a line of an event stream is read", "[stream]") {
  auto told = parse_stream_event(R"({"seq":42,"user":"1001","kind":"greeting","folder":"Greetings"})");
  REQUIRE(told);
  CHECK(told->sequence == 42);
  CHECK(told->event.user == "1001");
  CHECK(told->event.kind == "greeting");
  CHECK(told->event.impact);
  CHECK(told->event.folders == std::vector<std::string>{"Greetings"});
  told = parse_stream_event(R"({"seq":1,"user":"1001","kind":"login"})");
  REQUIRE(told);
  CHECK_FALSE(told->event.impact);
  told = parse_stream_event(R"({"seq":2,"user":"1001","kind":"something new"})");
  REQUIRE(told);
  CHECK(told->event.kind == "other");
  CHECK_FALSE(told->event.impact);
  told = parse_stream_event(R"({"seq":3,"gap":true})");
  REQUIRE(told);
  CHECK(told->gap);
}

TEST_CASE("a line without a sequence number is no event", "[stream]") {
  for (const char* line : {"", "{}", "[]", "7", R"({"seq":0})", R"({"seq":-1})", R"({"seq":"1"})",
                           R"({"seq":1.5})", R"({"seq":1)"})
    CHECK_FALSE(parse_stream_event(line));
}
