// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "mirror/plan/greetings.hpp"

using namespace mirror::plan;

namespace {

GreetingRule rule_of(const std::vector<std::string>& headers, std::vector<std::string> attachments = {}) {
  GreetingRule rule;
  for (const auto& text : headers) {
    const auto header = parse_greeting_header(text);
    REQUIRE(header.has_value());
    rule.headers.push_back(*header);
  }
  rule.attachments = std::move(attachments);
  return rule;
}

bool by_header(const std::string& text, const std::string& block) {
  return is_greeting(rule_of({text}), block, {});
}

bool by_file(const std::string& mask, const std::vector<std::string>& names) {
  return is_greeting(rule_of({}, {mask}), "", names);
}

}  // namespace

TEST_CASE("a header rule is a name, or a name and a mask of its value", "[greetings]") {
  CHECK(parse_greeting_header("X-Foo")->name == "X-Foo");
  CHECK_FALSE(parse_greeting_header("X-Foo")->mask.has_value());
  CHECK(parse_greeting_header(" X-Foo :  un* vail ")->name == "X-Foo");
  CHECK(parse_greeting_header(" X-Foo :  un* vail ")->mask == "un* vail");
  CHECK(parse_greeting_header("X: a:b")->mask == "a:b");
  for (const char* bad :
       {"", ":", ": x", "X-Foo:", "X-Foo: ", "X Foo", "X-Foo)", "X-Foo\r\nX: y", "X-\xC3\xBC", "X*"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_greeting_header(bad).has_value());
  }
}

TEST_CASE("a name is asked for once, however many masks it has", "[greetings]") {
  CHECK(rule_of({"X-Kind: a", "x-kind: b", "X-Other"}).header_names() ==
        std::vector<std::string>{"X-Kind", "X-Other"});
}

TEST_CASE("a header tells a greeting", "[greetings]") {
  struct Case {
    const char* rule;
    const char* block;
    bool greeting;
  };
  const auto c = GENERATE(values<Case>({
      {"X-Kind", "X-Kind: busy\r\n\r\n", true},
      {"X-Kind", "x-KIND:\r\n\r\n", true},
      {"X-Kind", "X-Kinder: busy\r\n\r\n", false},
      {"X-Kind", "Subject: X-Kind: busy\r\n\r\n", false},
      {"X-Kind", "\r\n", false},
      {"X-Kind", "", false},
      {"X-Kind: busy", "X-Kind: Busy \r\n\r\n", true},
      {"X-Kind: busy", "X-Kind: busybody\r\n\r\n", false},
      {"X-Kind: b?sy*", "X-Kind: busybody\r\n\r\n", true},
      {"X-Kind: busy", "X-Kind: Message\r\nX-Kind: busy\r\n\r\n", true},
      {"X-Kind: out of office", "X-Kind: out\r\n\tof office\n\n", false},
      {"X-Kind: out*office", "X-Kind: out\r\n\tof office\n\n", true},
      {"X-Kind: *", "X-Kind:\r\n busy\r\n", true},
      {"X-Kind: busy", "Message-ID: <1@x>\r\nX-Kind : busy\r\n\r\n", true},
      {"X-Kind: busy", " busy\r\nno field\r\n busy\r\n", false},
  }));
  CAPTURE(c.rule, c.block);
  CHECK(by_header(c.rule, c.block) == c.greeting);
}

TEST_CASE("an attachment's file name tells a greeting", "[greetings]") {
  CHECK(by_file("greet*.wav", {"letter.txt", "Greet-1.WAV"}));
  CHECK_FALSE(by_file("greet*.wav", {"msg0001.wav", "my greeting.wav"}));
  CHECK_FALSE(by_file("*", {}));
  CHECK(by_file("*", {""}));
}

TEST_CASE("a value longer than any rule means is not looked through", "[greetings]") {
  const std::string longest(4096, 'x');
  CHECK(by_header("X-Kind: *", "X-Kind: " + longest + "\r\n"));
  CHECK_FALSE(by_header("X-Kind: *", "X-Kind: " + longest + "x\r\n"));
  CHECK(by_header("X-Kind", "X-Kind: " + longest + "x\r\n"));
  CHECK_FALSE(by_file("*", {longest + "x"}));
}

TEST_CASE("no rule, no greeting", "[greetings]") {
  CHECK(GreetingRule{}.empty());
  CHECK_FALSE(is_greeting({}, "X-Kind: busy\r\n", {"busy.wav"}));
}
