// SPDX-License-Identifier: Apache-2.0
#include "imap/utf7.hpp"

#include <catch2/catch.hpp>

using namespace mirror::imap;

TEST_CASE("folder names go to modified UTF-7 and come back the same") {
  const std::pair<std::string, std::string> names[] = {
      {"INBOX", "INBOX"},
      {"", ""},
      {"a & b", "a &- b"},
      {"~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},  // RFC 3501 section 5.1.3
      {"Entwürfe", "Entw&APw-rfe"},
      {"\xF0\x9F\x98\x80", "&2D3eAA-"},
      {"éé", "&AOkA6Q-"},
      {"&", "&-"},
      {"a\tb", "a&AAk-b"},
  };
  for (const auto& [utf8, wire] : names) {
    CAPTURE(utf8);
    CHECK(encode_utf7(utf8) == wire);
    CHECK(decode_utf7(wire) == utf8);
  }
}

TEST_CASE("a name that would not come back unchanged is refused") {
  for (const std::string wire : {"&", "a&b", "&AOk", "&AOk-&AOk-", "&AGE-", "&2D0-", "&3gA-", "&AAA-", "&!-",
                                 "&AOl-", "caf\xC3\xA9", "\xFF", "a\tb", "a\x7F"}) {
    CAPTURE(wire);
    CHECK_FALSE(decode_utf7(wire).has_value());
  }
}

TEST_CASE("only valid UTF-8 is encoded") {
  for (const std::string bad : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                "\xF8\x88\x80\x80\x80", "\x80", "\xC3", "a\xE2\x82"}) {
    CHECK_FALSE(encode_utf7(bad).has_value());
    CHECK_FALSE(is_utf8(bad));
  }
  CHECK(is_utf8("€ \xF0\x9F\x98\x80"));
}

TEST_CASE("server words are made printable and bounded") {
  CHECK(printable("a\r\nb\x1B[31m", 100) == "a??b?[31m");
  CHECK(printable("\xFFgrün\xC2\x85", 100) == "?grün?");
  CHECK(printable("grün", 3) == "gr");
  CHECK(printable(std::string(1000, 'x'), 10) == "xxxxxxxxxx");
}
