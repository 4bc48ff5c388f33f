// SPDX-License-Identifier: Apache-2.0
#include "ldap/types.hpp"

#include <catch2/catch.hpp>

using namespace mirror::ldap;

TEST_CASE("an entry's attributes are found without regard to case, options included") {
  const Entry entry{"cn=a", {{"cn", {"Zoe", "Z."}}, {"userCertificate;binary", {"\x30"}}, {"Misc1", {}}}};
  CHECK(entry.find("CN") == &entry.attributes[0]);
  CHECK(entry.find("USERCERTIFICATE;BINARY") == &entry.attributes[1]);
  CHECK(entry.find("userCertificate") == nullptr);  // another option may hold another value
  CHECK(entry.find("c") == nullptr);
  CHECK(entry.first("Cn") == "Zoe");
  CHECK(entry.first("misc1").empty());
  CHECK(entry.first("sn").empty());
}

TEST_CASE("names of types are compared as ASCII, whatever the locale says") {
  CHECK(same_name("telephoneNumber", "TELEPHONENUMBER"));
  CHECK(same_name("", ""));
  CHECK_FALSE(same_name("cn", "cna"));
  CHECK_FALSE(same_name("sn", "cn"));
  CHECK_FALSE(same_name("\xC4", "\xE4"));
  CHECK_FALSE(same_name("[", "{"));
}

TEST_CASE("a part of an attribute's values is known as such") {
  CHECK(is_part("member;range=0-1499"));
  CHECK(is_part("member;lang-de;Range=1500-*"));
  CHECK_FALSE(is_part("member"));
  CHECK_FALSE(is_part("userCertificate;binary"));
  CHECK_FALSE(is_part("range=0-1499"));
}

TEST_CASE("a result code is told with its number and its name") {
  CHECK(to_text(Code::success) == "0 success");
  CHECK(to_text(Code::strong_auth_required) == "8 strongerAuthRequired");
  CHECK(to_text(Code::type_or_value_exists) == "20 attributeOrValueExists");
  CHECK(to_text(Code::insufficient_access) == "50 insufficientAccessRights");
  CHECK(to_text(Code::assertion_failed) == "122 assertionFailed");
  CHECK(to_text(static_cast<Code>(80)) == "80 other");
  CHECK(to_text(static_cast<Code>(-1)) == "-1");
  CHECK(to_text(static_cast<Code>(4711)) == "4711");
}

TEST_CASE("the outcome tells the server's words when there are any") {
  Outcome outcome;
  CHECK(outcome.ok());
  CHECK(outcome.words() == "0 success");
  outcome.code = Code::no_such_object;
  CHECK_FALSE(outcome.ok());
  CHECK(outcome.words() == "32 noSuchObject");
  outcome.text = "no such base";
  CHECK(outcome.words() == "32 noSuchObject: no such base");
}

TEST_CASE("a value in a filter says nothing but itself") {
  CHECK(escape_filter("4711") == "4711");
  CHECK(escape_filter("Parens R Us (for all your parenthetical needs)") ==
        "Parens R Us \\28for all your parenthetical needs\\29");
  CHECK(escape_filter("C:\\MyFile*") == "C:\\5cMyFile\\2a");
  CHECK(escape_filter(std::string("\0\0\0\4", 4)) == "\\00\\00\\00\\04");
  CHECK(escape_filter("Lučić") == "Lu\\c4\\8di\\c4\\87");
  CHECK(escape_filter("*)(uid=*") == "\\2a\\29\\28uid=\\2a");
  CHECK(escape_filter("").empty());
}
