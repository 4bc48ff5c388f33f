// SPDX-License-Identifier: Apache-2.0
#include "ldap/dn.hpp"

#include <catch2/catch.hpp>

using namespace mirror::ldap;

namespace {

Schema schema_of_names() {
  const Entry entry{
      "cn=Subschema",
      {{"attributeTypes",
        {"( 2.5.4.41 NAME 'name' EQUALITY caseIgnoreMatch )",
         "( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )", "( 2.5.4.4 NAME ( 'sn' 'surname' ) SUP name )",
         "( 2.5.4.11 NAME ( 'ou' 'organizationalUnitName' ) SUP name )",
         "( 0.9.2342.19200300.100.1.25 NAME ( 'dc' 'domainComponent' ) EQUALITY caseIgnoreIA5Match )",
         "( 1.3.6.1.4.1.32473.1.1 NAME 'MailboxNumber' EQUALITY caseExactMatch )"}}}};
  return Schema::parse(entry);
}

const Schema k_schema = schema_of_names();

Dn dn(std::string_view text) {
  const auto parsed = Dn::parse(text);
  INFO(text);
  REQUIRE(parsed.has_value());
  return *parsed;
}

std::string key(std::string_view text) {
  return dn(text).key(k_schema);
}

}  // namespace

TEST_CASE("the examples of RFC 4514 are read") {
  CHECK(dn("UID=jsmith,DC=example,DC=net").depth() == 3);
  const auto sales = dn("OU=Sales+CN=J.  Smith,DC=example,DC=net");
  REQUIRE(sales.rdns().front().size() == 2);
  CHECK(sales.rdns().front()[1].attribute == "CN");
  CHECK(sales.rdns().front()[1].value == "J.  Smith");
  CHECK(dn("CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net").rdns()[0][0].value ==
        "James \"Jim\" Smith, III");
  CHECK(dn("CN=Before\\0dAfter,DC=example,DC=net").rdns()[0][0].value == "Before\rAfter");
  CHECK(dn("CN=Lu\\C4\\8Di\\C4\\87").rdns()[0][0].value == "Lučić");
  const auto numbers = dn("1.3.6.1.4.1.1466.0=#04024869");
  CHECK(numbers.rdns()[0][0].attribute == "1.3.6.1.4.1.1466.0");
  CHECK(numbers.rdns()[0][0].value == "Hi");
}

TEST_CASE("escapes stand for the character itself") {
  for (const auto& [text, value] : std::vector<std::pair<std::string, std::string>>{{"cn=a\\,b", "a,b"},
                                                                                    {"cn=\\23a", "#a"},
                                                                                    {"cn=\\#a", "#a"},
                                                                                    {"cn=a#b", "a#b"},
                                                                                    {"cn=\\ a", " a"},
                                                                                    {"cn=a\\20", "a "},
                                                                                    {"cn=  a  ", "a"},
                                                                                    {"cn=a\\+b\\=c", "a+b=c"},
                                                                                    {"cn=a=b", "a=b"},
                                                                                    {"cn=\\5C", "\\"},
                                                                                    {"cn=", ""},
                                                                                    {"cn=\\ff", "\xFF"}}) {
    CAPTURE(text);
    CHECK(dn(text).rdns()[0][0].value == value);
  }
}

TEST_CASE("values in BER are read when they are strings") {
  CHECK(dn("cn=#0C03C3A961").rdns()[0][0].value == "éa");
  CHECK(dn("cn=#1300").rdns()[0][0].value.empty());
  CHECK(dn("cn=#0481026869").rdns()[0][0].value == "hi");
  for (const std::string_view bad :
       {"cn=#0403616263FF", "cn=#04056162", "cn=#020107", "cn=#04", "cn=#0480", "cn=#", "cn=#zz",
        "cn=#0484FFFF", "cn=#0484FFFFFFFF61", "cn=#0489616161616161616161"}) {
    CAPTURE(bad);
    CHECK_FALSE(Dn::parse(bad).has_value());
  }
}

TEST_CASE("what is no name is refused") {
  for (const std::string_view bad : {"cn", "=a", "cn=a,", "cn=a,,dc=x", "cn=a+", "cn=a\\", "cn=\\zz",
                                     "cn=\"a\"b", "cn=a;dc=x", "cn=a<b", ",", "cn=a,dc"}) {
    CAPTURE(bad);
    CHECK_FALSE(Dn::parse(bad).has_value());
  }
  CHECK_FALSE(Dn::parse(std::string("cn=a\0b", 6)).has_value());
}

TEST_CASE("the root has no parts") {
  CHECK(dn("").depth() == 0);
  CHECK(dn("").text().empty());
  CHECK(dn("").rdn_text().empty());
  CHECK(dn("").parent().depth() == 0);
  CHECK(dn("").key(k_schema).empty());
  CHECK(dn("").with_rdn({{"cn", "a"}}).depth() == 0);
  CHECK(dn("").child({{"dc", "x"}}).text() == "dc=x");
}

TEST_CASE("a name is written with its escapes and reads back the same") {
  CHECK(dn("CN=James \\\"Jim\\\" Smith\\2C III,DC=net").text() == "CN=James \\\"Jim\\\" Smith\\, III,DC=net");
  CHECK(dn("cn=Before\\0dAfter").text() == "cn=Before\\0dAfter");
  CHECK(dn("cn=Lu\\C4\\8Di\\C4\\87").text() == "cn=Lučić");
  CHECK(dn("cn = a , ou = b").text() == "cn=a,ou=b");
  CHECK(dn("OU=Sales+CN=J.  Smith,DC=x").text() == "OU=Sales+CN=J.  Smith,DC=x");
  CHECK(dn("OU=Sales+CN=J.  Smith,DC=x").rdn_text() == "OU=Sales+CN=J.  Smith");
  const std::string values[] = {" ",
                                "  ",
                                " a ",
                                "#",
                                "##",
                                "a#",
                                "a\\",
                                "\\",
                                "\"",
                                "+",
                                ",",
                                ";",
                                "<",
                                ">",
                                "=",
                                "",
                                "é",
                                "\xFF\xFE",
                                "\xC3",
                                "a\xC3",
                                "\xC3\xC3\xA9",
                                "\x7F",
                                "\r\n",
                                "日本",
                                "/",
                                "*",
                                std::string("\0a\0", 3),
                                std::string("\\00")};
  for (const auto& value : values) {
    const Dn made = dn("dc=x").child({{"cn", value}, {"sn", value}});
    CAPTURE(value, made.text());
    const auto again = Dn::parse(made.text());
    REQUIRE(again.has_value());
    REQUIRE(again->rdns()[0].size() == 2);
    CHECK(again->rdns()[0][0].value == value);
    CHECK(again->rdns()[0][1].value == value);
    CHECK(again->key(k_schema) == made.key(k_schema));
    CHECK(made.text().find_first_of(std::string("\0\r\n", 3)) == std::string::npos);
  }
}

TEST_CASE("equal names have one key") {
  CHECK(key("cn=A+sn=B") == key("SN=b+CN=a"));
  CHECK(key("CN=Zoe  Smith,OU=People,DC=X") == key("cn=zoe smith,ou=people,dc=x"));
  CHECK(key("2.5.4.3=a") == key("commonName=A"));
  CHECK(key("surname=a") == key("sn=a"));
  CHECK(key("cn=a\\,b") == key("cn=a\\2cb"));
  CHECK(key("cn=#04024869") == key("cn=Hi"));
  CHECK(key("cn=Zo\u00E9") == key("cn=ZOE\u0301"));
  CHECK(key("unknown=a") == key("UNKNOWN=a"));
}

TEST_CASE("different names have different keys") {
  CHECK(key("cn=A+sn=B") != key("cn=B+sn=A"));
  CHECK(key("MailboxNumber=a") != key("MailboxNumber=A"));
  CHECK(key("MailboxNumber=0042") != key("MailboxNumber=42"));
  CHECK(key("unknown=a") != key("unknown=A"));
  CHECK(key("cn=a,sn=b") != key("cn=a+sn=b"));
  CHECK(key("cn=a\\,sn=b") != key("cn=a,sn=b"));
  CHECK(key("cn=a\\+sn=b") != key("cn=a+sn=b"));
  CHECK(key("cn=a\\5c2csn=b") != key("cn=a\\,sn=b"));
  CHECK(key("cn=a") != key("sn=a"));
  CHECK(key("cn=a,dc=x") != key("dc=x,cn=a"));
  CHECK(key("cn=\\ff") != key("cn=\\5cff"));
}

TEST_CASE("a key is printable ASCII") {
  CHECK(key("cn=Zo\u00E9,dc=x") == "cn=zo\\c3\\a9,dc=x");
  CHECK(key("cn=\\ff\\0a") == "cn=\\01\\ff\\0a");
  CHECK(key("cn=A\\,b+sn=\\=") == "cn=a\\2cb+sn=\\3d");
}

TEST_CASE("a name lies within a base by whole parts, not by text") {
  const auto within = [](std::string_view name, std::string_view base) {
    return dn(name).within(dn(base), k_schema);
  };
  CHECK(within("cn=a,ou=People,dc=x", "ou=People,dc=x"));
  CHECK(within("cn=a,OU=people,DC=X", "ou=People,dc=x"));
  CHECK(within("ou=People,dc=x", "ou=People,dc=x"));
  CHECK(within("cn=a,dc=x", ""));
  CHECK(within("cn=a,cn=b+sn=c,dc=x", "SN=C+CN=B,dc=x"));
  CHECK_FALSE(within("ou=MorePeople,dc=x", "ou=People,dc=x"));
  CHECK_FALSE(within("cn=a,ou=MorePeople,dc=x", "ou=People,dc=x"));
  CHECK_FALSE(within("cn=a\\,ou=People,dc=x", "ou=People,dc=x"));
  CHECK_FALSE(within("cn=a,xou=people,dc=x", "ou=people,dc=x"));
  CHECK_FALSE(within("dc=x", "ou=People,dc=x"));
  CHECK_FALSE(within("ou=People,dc=x,dc=y", "ou=People,dc=x"));
}

TEST_CASE("a name moves to another base, its own part as it was written") {
  const auto rebased = [](std::string_view name, std::string_view from, std::string_view to) {
    const auto moved = dn(name).rebased(dn(from), dn(to), k_schema);
    return moved ? moved->text() : std::string("not within");
  };
  CHECK(rebased("CN=Zoe,OU=people,DC=X", "ou=People,dc=x", "ou=Mail,o=dr") == "CN=Zoe,ou=Mail,o=dr");
  CHECK(rebased("ou=People,dc=x", "ou=people,dc=x", "o=dr") == "o=dr");
  CHECK(rebased("cn=a", "", "o=dr") == "cn=a,o=dr");
  CHECK(rebased("cn=a,o=dr", "o=dr", "") == "cn=a");
  CHECK(rebased("cn=a,ou=MorePeople,dc=x", "ou=People,dc=x", "o=dr") == "not within");
}

TEST_CASE("parents, children and another leaf") {
  const Dn name = dn("cn=a,ou=b,dc=x");
  CHECK(name.parent().text() == "ou=b,dc=x");
  CHECK(name.parent().parent().parent().depth() == 0);
  CHECK(name.parent().child({{"cn", "a, b"}}).text() == "cn=a\\, b,ou=b,dc=x");
  CHECK(name.with_rdn({{"cn", "c"}, {"sn", "d"}}).text() == "cn=c+sn=d,ou=b,dc=x");
}
