// SPDX-License-Identifier: Apache-2.0
#include "ldap/canonical.hpp"

#include <catch2/catch.hpp>

using namespace mirror::ldap;

namespace {

bool same(Rule rule, std::string_view a, std::string_view b) {
  return canonical(rule, a) == canonical(rule, b);
}

constexpr Rule k_all[] = {Rule::octets,         Rule::boolean, Rule::integer,   Rule::case_exact,
                          Rule::case_ignore,    Rule::numeric, Rule::telephone, Rule::dn,
                          Rule::case_exact_ia5, Rule::oid,     Rule::time};

}  // namespace

TEST_CASE("mailbox numbers: leading zeros count") {
  CHECK_FALSE(same(Rule::case_exact, "0042", "42"));
  CHECK(same(Rule::case_exact, "0042", "0042"));
  CHECK_FALSE(same(Rule::case_exact, "A1", "a1"));
  CHECK(canonical(Rule::case_exact, "0042") == "0042");
}

TEST_CASE("numeric addresses: spaces do not count, and nothing but digits is an address") {
  CHECK(same(Rule::numeric, "4711 0815", "47110815"));
  CHECK(same(Rule::numeric, " 1 ", "1"));
  CHECK_FALSE(same(Rule::numeric, "01", "1"));
  CHECK(same(Rule::numeric, " ", "   "));
  CHECK_FALSE(same(Rule::numeric, "+1 555", "+1555"));  // a server refuses the plus
  CHECK_FALSE(same(Rule::numeric, "1\t2", "12"));
  CHECK_FALSE(same(Rule::numeric, "", " "));
}

TEST_CASE("telephone numbers: neither spaces nor hyphens count") {
  CHECK(same(Rule::telephone, "+1 555 0100", "+1-555-0100"));
  CHECK(same(Rule::telephone, "+1 555 0100", "+15550100"));
  CHECK_FALSE(same(Rule::telephone, "+1 555 0100", "1 555 0100"));
  CHECK(same(Rule::telephone, "1 X 2", "1x2"));  // RFC 4517 4.2.29 folds case
  CHECK(same(Rule::telephone, "*72 1", "*721"));
  CHECK(same(Rule::telephone, "1\u20102\u20113\u22124\uFE635\uFF0D6\u058A7", "1234567"));
  CHECK(same(Rule::telephone, "+1\u00A0555\u30000100", "+15550100"));
  CHECK(canonical(Rule::telephone, " - ").empty());
  CHECK(canonical(Rule::telephone, "+1 555-0100") == "+15550100");
}

TEST_CASE("a password or a recording is its octets") {
  const std::string sound("RIFF\0\xFF \n", 8);
  CHECK(canonical(Rule::octets, sound) == sound);
  CHECK_FALSE(same(Rule::octets, "1234", "1234 "));
  CHECK_FALSE(same(Rule::octets, "a", "A"));
}

TEST_CASE("booleans: TRUE and FALSE alone are values") {
  CHECK(canonical(Rule::boolean, "TRUE") == "TRUE");
  CHECK(canonical(Rule::boolean, "FALSE") == "FALSE");
  for (const std::string_view bad : {"true", "True", "1", "", " TRUE", "TRUE "}) {
    CAPTURE(bad);
    CHECK_FALSE(same(Rule::boolean, bad, "TRUE"));
    CHECK_FALSE(same(Rule::boolean, bad, "FALSE"));
    CHECK(same(Rule::boolean, bad, bad));
  }
}

TEST_CASE("integers: leading zeros do not count") {
  CHECK(same(Rule::integer, "07", "7"));
  CHECK(same(Rule::integer, "000", "0"));
  CHECK(same(Rule::integer, "-0", "0"));
  CHECK(same(Rule::integer, "-007", "-7"));
  CHECK_FALSE(same(Rule::integer, "-7", "7"));
  CHECK_FALSE(same(Rule::integer, "70", "7"));
  CHECK(same(Rule::integer, "0123456789012345678901234567890", "123456789012345678901234567890"));
  for (const std::string_view bad : {"", "-", "+7", " 7", "7 ", "--7", "0x7", "7.0", "-0-"}) {
    CAPTURE(bad);
    CHECK(canonical(Rule::integer, bad) == "\x01" + std::string(bad));
  }
}

TEST_CASE("names: neither case nor spaces beyond one count") {
  CHECK(same(Rule::case_ignore, "Zoe  Smith", "zoe smith"));
  CHECK(same(Rule::case_ignore, "  ZOE SMITH ", "Zoe Smith"));
  CHECK_FALSE(same(Rule::case_ignore, "Zoe Smith", "ZoeSmith"));
  CHECK(same(Rule::case_exact, "Zoe  Smith", "Zoe Smith"));
  CHECK_FALSE(same(Rule::case_exact, "Zoe Smith", "zoe smith"));
  CHECK(same(Rule::case_exact_ia5, " a  B", "a B "));
  CHECK_FALSE(same(Rule::case_exact_ia5, "a", "A"));
  CHECK(canonical(Rule::case_ignore, " Zoe \t Smith\r\n") == "zoe smith");
}

TEST_CASE("only spaces, or nothing that is left, is one form") {
  for (const std::string_view blank : {" ", "     ", "\t\n", "\u00A0\u2003", "\u00AD", " \u200B ", ""}) {
    CAPTURE(blank);
    CHECK(canonical(Rule::case_ignore, blank) == " ");
    CHECK(canonical(Rule::case_exact, blank) == " ");
  }
}

TEST_CASE("letters beyond ASCII are folded") {
  CHECK(same(Rule::case_ignore, "Zoë MÜLLER", "ZOË müller"));
  CHECK(same(Rule::case_ignore, "ΟΔΥΣΣΕΥΣ", "οδυσσευσ"));
  CHECK(same(Rule::case_ignore, "ЖУКОВ", "жуков"));
  CHECK(same(Rule::case_ignore, "\u2121", "tel"));  // letters that NFKC alone brings to light
  CHECK_FALSE(same(Rule::case_ignore, "Muller", "Müller"));
  CHECK_FALSE(same(Rule::case_exact, "STRASSE", "straße"));
  CHECK_FALSE(same(Rule::case_exact, "É", "é"));
}

// What RFC 4518 folds into one and servers do not: taken for equal, a change from one to the other would be
// lost.
TEST_CASE("letters that servers keep apart are kept apart") {
  CHECK_FALSE(same(Rule::case_ignore, "STRASSE", "straße"));
  CHECK_FALSE(same(Rule::case_ignore, "Weiss", "Weiß"));
  CHECK_FALSE(same(Rule::case_ignore, "σ", "ς"));
}

TEST_CASE("composed and decomposed, wide and narrow are the same characters") {
  for (const Rule rule : {Rule::case_ignore, Rule::case_exact}) {
    CHECK(same(rule, "Zo\u00E9", "Zoe\u0301"));
    CHECK(same(rule, "\u212B", "\u00C5"));
    CHECK(same(rule, "\uFF21\uFF11", "A1"));
    CHECK(same(rule, "\uFB01n", "fin"));
    CHECK(same(rule, "\uAC00", "\u1100\u1161"));
    CHECK(same(rule, "q\u0307\u0323", "q\u0323\u0307"));
    CHECK_FALSE(same(rule, "Zo\u00E9", "Zo\u00E8"));
  }
  CHECK(same(Rule::case_ignore, "ZO\u00C9", "zoe\u0301"));
}

TEST_CASE("characters that are not to be seen do not count") {
  for (const std::string_view nothing :
       {"\u00AD", "\u1806",     "\u034F",     "\u180B",     "\uFE00", "\uFE0F", "\uFFFC",
        "\u200B", "\u200D",     "\u200E",     "\u202E",     "\u2060", "\uFEFF", "\u0080",
        "\u009F", "\U0001D173", "\U000E0001", "\U000E007F", "\x01",   "\x7F"}) {
    CAPTURE(nothing);
    CHECK(canonical(Rule::case_ignore, "Zoe" + std::string(nothing) + "Smith") == "zoesmith");
    CHECK(canonical(Rule::case_exact, "Zoe " + std::string(nothing) + " Smith") == "Zoe Smith");
  }
  CHECK(canonical(Rule::case_exact, std::string("a\0b", 3)) == "ab");
  CHECK(same(Rule::case_exact, "a\uFDFFb", "a\uFDFFb"));
  CHECK_FALSE(same(Rule::case_exact, "a\uFDFFb", "ab"));
}

TEST_CASE("every kind of space is a space") {
  for (const std::string_view space :
       {"\t", "\n", "\v", "\f", "\r", "\u0085", "\u00A0", "\u1680", "\u2000", "\u200A", "\u2028", "\u2029",
        "\u202F", "\u205F", "\u3000", " \u00A0 "}) {
    CAPTURE(space);
    CHECK(canonical(Rule::case_ignore, "Zoe" + std::string(space) + "Smith") == "zoe smith");
    CHECK(canonical(Rule::case_ignore, std::string(space) + "Zoé" + std::string(space)) == "zoé");
  }
}

TEST_CASE("a space that carries a mark is no space, a hyphen that carries one no hyphen") {
  CHECK(canonical(Rule::case_exact, " \u0301a") == " \u0301a");
  CHECK(canonical(Rule::case_exact, "a  \u0301") == "a  \u0301");
  CHECK_FALSE(same(Rule::case_exact, "a \u0301", "a\u0301"));
  CHECK(same(Rule::case_exact, "a\u00B4", "a \u0301"));  // what NFKC makes of an acute accent
  CHECK(canonical(Rule::telephone, "1-\u03012 -3") == "1-\u030123");
}

TEST_CASE("characters newer than RFC 4518 are values like others") {
  CHECK(same(Rule::case_ignore, "ZOE \U0001F600", "zoe  \U0001F600"));
  CHECK_FALSE(same(Rule::case_ignore, "\U0001F600", "\U0001F601"));
  CHECK_FALSE(same(Rule::case_ignore, "\uE000", "\uE001"));
  CHECK(same(Rule::case_exact, "\uFFFD", "\uFFFD"));
}

TEST_CASE("what is no UTF-8 keeps its octets") {
  for (const std::string_view bad : {"M\xFCller", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\xC3"}) {
    CAPTURE(bad);
    for (const Rule rule : {Rule::case_ignore, Rule::case_exact, Rule::telephone, Rule::case_exact_ia5}) {
      CHECK(canonical(rule, bad) == "\x01" + std::string(bad));
    }
  }
  CHECK_FALSE(same(Rule::case_ignore, "M\xFCller", "m\xFCller"));
  CHECK_FALSE(same(Rule::case_exact_ia5, "é", "e\u0301"));  // no IA5 either of them
}

TEST_CASE("what is no value never equals one") {
  // The octets of a refused value, marker and all, are a value of their own.
  for (const Rule rule : k_all) {
    for (const std::string_view bad : {"true", "+7", "M\xFCller", "", "a b", "20240101"}) {
      const std::string form = canonical(rule, bad);
      if (!form.starts_with('\x01')) continue;
      CAPTURE(static_cast<int>(rule), bad);
      for (const std::string_view other : {"TRUE", "7", "ller", "0", "ab", "20240101000000Z", "cn=a"}) {
        CHECK(form != canonical(rule, other));
      }
      CHECK(form != canonical(rule, form));
    }
  }
}

TEST_CASE("times and identifiers ignore case as far as they have any") {
  CHECK(same(Rule::time, "20240101000000Z", "20240101000000z"));
  CHECK_FALSE(same(Rule::time, "20240101000000Z", "20240101000001Z"));
  CHECK(same(Rule::time, "2024010100Z", "2024010100Z"));
  CHECK_FALSE(same(Rule::time, "20240101z", "20240101Z"));
  CHECK_FALSE(same(Rule::time, "yesterday Z", "YESTERDAY Z"));
  CHECK(same(Rule::oid, "inetOrgPerson", "INETORGPERSON"));
  CHECK_FALSE(same(Rule::oid, "2.5.6.6", "2.5.6.7"));
  CHECK_FALSE(same(Rule::oid, "a b", "A B"));
}

TEST_CASE("names as values compare by their parts") {
  CHECK(same(Rule::dn, "CN=Zoe  Smith, OU=People,DC=x", "cn=zoe smith,ou=people,dc=X"));
  CHECK(same(Rule::dn, "2.5.4.3=a", "commonName=A"));
  CHECK(same(Rule::dn, "cn=a\\2Cb", "cn=a\\,b"));
  CHECK_FALSE(same(Rule::dn, "cn=a,dc=x", "cn=a,dc=y"));
  CHECK_FALSE(same(Rule::dn, "MailboxNumber=a", "MailboxNumber=A"));  // nobody says how this one compares
  CHECK_FALSE(same(Rule::dn, "no name", "No name"));
  CHECK(same(Rule::dn, "", ""));
}

TEST_CASE("a rule that nobody knows compares octets") {
  CHECK_FALSE(same(static_cast<Rule>(99), "a", "A"));
  CHECK(same(static_cast<Rule>(99), "a", "a"));
}

TEST_CASE("values of an attribute are compared without their order") {
  using Values = std::vector<std::string>;
  CHECK(equal_values(Rule::case_ignore, {"Zoe  Smith", "Z. Smith"}, {"z. smith", "zoe smith"}));
  CHECK(equal_values(Rule::case_ignore, Values{}, Values{}));
  CHECK_FALSE(equal_values(Rule::case_ignore, {"Zoe"}, Values{}));
  CHECK_FALSE(equal_values(Rule::case_ignore, {"a", "b"}, {"a", "c"}));
  CHECK_FALSE(equal_values(Rule::case_exact, {"a"}, {"A"}));
  // Two that a server keeps apart and this program does not are still two.
  CHECK_FALSE(equal_values(Rule::case_ignore, {"Strasse", "Straße"}, {"Straße"}));
  CHECK_FALSE(equal_values(Rule::case_ignore, {"a", "A", "b"}, {"a", "b", "B"}));
}

TEST_CASE("the short way for ASCII and the long way agree") {
  // The same text with a character behind it that takes the long way and then counts for nothing.
  for (int c = 0; c < 0x80; ++c) {
    for (const std::string_view frame : {"%", "a%", "%b", "a%b", "a %b", "a% b", " % "}) {
      std::string text(frame);
      text[text.find('%')] = static_cast<char>(c);
      for (const Rule rule : {Rule::case_ignore, Rule::case_exact, Rule::telephone}) {
        CAPTURE(c, frame, static_cast<int>(rule));
        CHECK(canonical(rule, text) == canonical(rule, text + "\u200B"));
      }
    }
  }
}
