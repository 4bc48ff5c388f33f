// SPDX-License-Identifier: Apache-2.0
#include "ldap/schema.hpp"

#include <catch2/catch.hpp>

using namespace mirror::ldap;

namespace {

Schema parse(std::vector<std::string> types) {
  return Schema::parse({"cn=Subschema", {{"attributeTypes", std::move(types)}}});
}

// As slapd 2.5 prints them: its own types, those of core.schema and those of a site.
Schema slapd() {
  return parse({
      "( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC 'RFC4519: common name(s) for which the entity is known by' "
      "SUP name )",
      "( 2.5.4.41 NAME 'name' DESC 'RFC4519: common supertype of name attributes' EQUALITY caseIgnoreMatch "
      "SUBSTR "
      "caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{32768} )",
      "( 2.5.4.49 NAME 'distinguishedName' DESC 'RFC4519: common supertype of DN attributes' EQUALITY "
      "distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )",
      "( 2.5.4.31 NAME 'member' DESC 'RFC2256: member of a group' SUP distinguishedName )",
      "( 2.5.4.0 NAME 'objectClass' DESC 'RFC4512: object classes of the entity' EQUALITY "
      "objectIdentifierMatch "
      "SYNTAX 1.3.6.1.4.1.1466.115.121.1.38 )",
      "( 2.5.18.1 NAME 'createTimestamp' DESC 'RFC4512: time which object was created' EQUALITY "
      "generalizedTimeMatch "
      "ORDERING generalizedTimeOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE "
      "NO-USER-MODIFICATION "
      "USAGE directoryOperation )",
      "( 1.3.6.1.1.16.4 NAME 'entryUUID' DESC 'UUID of the entry' EQUALITY UUIDMatch ORDERING "
      "UUIDOrderingMatch "
      "SYNTAX 1.3.6.1.1.16.1 SINGLE-VALUE NO-USER-MODIFICATION USAGE directoryOperation )",
      "( 2.5.4.6 NAME ( 'c' 'countryName' ) DESC 'RFC4519: two-letter ISO-3166 country code' SUP name SYNTAX "
      "1.3.6.1.4.1.1466.115.121.1.11 SINGLE-VALUE )",
      "( 2.5.4.20 NAME 'telephoneNumber' DESC 'RFC2256: Telephone Number' EQUALITY telephoneNumberMatch "
      "SUBSTR "
      "telephoneNumberSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.50{32} )",
      "( 2.5.4.23 NAME ( 'facsimileTelephoneNumber' 'fax' ) DESC 'RFC2256: Facsimile (Fax) Telephone Number' "
      "SYNTAX "
      "1.3.6.1.4.1.1466.115.121.1.22 )",
      "( 2.5.4.24 NAME 'x121Address' DESC 'RFC2256: X.121 Address' EQUALITY numericStringMatch SUBSTR "
      "numericStringSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.36{15} )",
      "( 2.5.4.26 NAME 'registeredAddress' DESC 'RFC2256: registered postal address' SUP postalAddress "
      "SYNTAX "
      "1.3.6.1.4.1.1466.115.121.1.41 )",
      "( 2.5.4.16 NAME 'postalAddress' DESC 'RFC2256: postal address' EQUALITY caseIgnoreListMatch SUBSTR "
      "caseIgnoreListSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.41 )",
      "( 2.5.4.36 NAME 'userCertificate' DESC 'RFC2256: X.509 user certificate, use ;binary' EQUALITY "
      "certificateExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.8 )",
      "( 1.3.6.1.4.1.32473.1.1 NAME 'MailboxNumber' EQUALITY caseExactMatch SYNTAX "
      "1.3.6.1.4.1.1466.115.121.1.15{50} "
      "SINGLE-VALUE )",
      "( 1.3.6.1.4.1.32473.1.2 NAME 'ClassNo' EQUALITY 2.5.13.14 SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 "
      "SINGLE-VALUE )",
      "( 1.3.6.1.4.1.32473.1.3 NAME 'asciiName' EQUALITY caseIgnoreIA5Match SYNTAX "
      "1.3.6.1.4.1.1466.115.121.1.26 "
      "SINGLE-VALUE X-ORIGIN 'a site' )",
  });
}

}  // namespace

TEST_CASE("types are found by every name and by their number") {
  const Schema schema = slapd();
  CHECK(schema.unreadable().empty());
  const AttributeType* cn = schema.find("cn");
  REQUIRE(cn != nullptr);
  CHECK(cn->oid == "2.5.4.3");
  CHECK(cn->names == std::vector<std::string>{"cn", "commonName"});
  CHECK(schema.find("COMMONNAME") == cn);
  CHECK(schema.find("2.5.4.3") == cn);
  CHECK(schema.find("cn;lang-de") == cn);
  CHECK(schema.find("sn") == nullptr);
  CHECK(schema.find("") == nullptr);
  CHECK(schema.find("userCertificate;binary") == schema.find("usercertificate"));
}

TEST_CASE("rules come from the equality rule, by name or by number") {
  const Schema schema = slapd();
  CHECK(schema.rule_of("name") == Rule::case_ignore);
  CHECK(schema.rule_of("distinguishedName") == Rule::dn);
  CHECK(schema.rule_of("objectClass") == Rule::oid);
  CHECK(schema.rule_of("createTimestamp") == Rule::time);
  CHECK(schema.rule_of("telephoneNumber") == Rule::telephone);
  CHECK(schema.rule_of("x121Address") == Rule::numeric);
  CHECK(schema.rule_of("MailboxNumber") == Rule::case_exact);
  CHECK(schema.rule_of("ClassNo") == Rule::integer);
  CHECK(schema.rule_of("asciiName") == Rule::case_ignore);
  CHECK(schema.rule_of("postalAddress") == Rule::case_ignore);
  CHECK(schema.rule_of("entryUUID") == Rule::octets);  // has a rule that nobody here knows
  CHECK(schema.find("entryUUID")->has_equality);
  CHECK(schema.rule_of("nowhere") == Rule::octets);
  CHECK(Schema().rule_of("cn") == Rule::octets);
}

TEST_CASE("a type without an equality rule compares octets and has no values to take out one by one") {
  const Schema schema = slapd();
  const AttributeType* fax = schema.find("fax");
  REQUIRE(fax != nullptr);
  CHECK_FALSE(fax->has_equality);
  CHECK(fax->rule == Rule::octets);
  CHECK(fax->syntax == "1.3.6.1.4.1.1466.115.121.1.22");
}

TEST_CASE("a type takes over what its superior says, wherever that stands") {
  const Schema schema = slapd();
  CHECK(schema.rule_of("cn") == Rule::case_ignore);  // the superior comes later
  CHECK(schema.find("cn")->has_equality);
  CHECK(schema.find("cn")->syntax == "1.3.6.1.4.1.1466.115.121.1.15");
  CHECK(schema.rule_of("member") == Rule::dn);  // the superior came before
  CHECK(schema.rule_of("c") == Rule::case_ignore);
  CHECK(schema.find("c")->syntax == "1.3.6.1.4.1.1466.115.121.1.11");  // its own goes first
  CHECK(schema.rule_of("registeredAddress") == Rule::case_ignore);
}

TEST_CASE("chains of superiors end, also in circles and in nothing") {
  const Schema schema = parse(
      {"( 1.1 NAME 'a' SUP b )", "( 1.2 NAME 'b' SUP 1.3 )", "( 1.3 NAME 'c' SUP d EQUALITY caseExactMatch )",
       "( 1.4 NAME 'd' SYNTAX 1.9 )", "( 2.1 NAME 'x' SUP y )", "( 2.2 NAME 'y' SUP x )",
       "( 2.3 NAME 'z' SUP z )", "( 2.4 NAME 'w' SUP nowhere )"});
  CHECK(schema.rule_of("a") == Rule::case_exact);
  CHECK(schema.find("a")->syntax == "1.9");
  CHECK_FALSE(schema.find("d")->has_equality);  // inherited downwards only
  for (const char* name : {"x", "y", "z", "w"}) {
    REQUIRE(schema.find(name) != nullptr);
    CHECK_FALSE(schema.find(name)->has_equality);
    CHECK(schema.rule_of(name) == Rule::octets);
  }
  CHECK(schema.unreadable().empty());
}

TEST_CASE("what a type allows is read") {
  const Schema schema = slapd();
  const AttributeType* created = schema.find("createTimestamp");
  CHECK(created->single_value);
  CHECK(created->no_user_modification);
  CHECK(created->operational);
  const AttributeType* mailbox = schema.find("mailboxnumber");
  CHECK(mailbox->single_value);
  CHECK_FALSE(mailbox->no_user_modification);
  CHECK_FALSE(mailbox->operational);
  CHECK_FALSE(schema.find("cn")->single_value);
  for (const char* usage :
       {"directoryOperation", "distributedOperation", "dSAOperation", "userApplications"}) {
    const Schema one = parse({"( 1.1 NAME 'a' USAGE " + std::string(usage) + " )"});
    CAPTURE(usage);
    CHECK(one.find("a")->operational == (std::string_view(usage) != "userApplications"));
  }
}

TEST_CASE("what cannot be read is kept aside, and the rest stands") {
  const std::string half("( 1.5 NAME 'half' )\0 more", 25);
  const Schema schema = parse({"( 1.1 NAME 'a' EQUALITY integerMatch )", "nonsense", "( 1.2 NAME 'b'",
                               "( 1.3 NAME 'c' FANCY 'd' )", half, "", "( 1.4 NAME 'e' )"});
  CHECK(schema.unreadable() ==
        std::vector<std::string>{"nonsense", "( 1.2 NAME 'b'", "( 1.3 NAME 'c' FANCY 'd' )", half, ""});
  CHECK(schema.rule_of("a") == Rule::integer);
  CHECK(schema.find("e") != nullptr);
  CHECK(schema.find("half") == nullptr);
}

TEST_CASE("a type without a name is shown by its number, one without a number by its name") {
  const Schema schema = parse({"( 1.1 EQUALITY booleanMatch )", "( NAME 'b' EQUALITY integerMatch )",
                               "( c-oid NAME 'c' EQUALITY caseExactMatch SYNTAX '1.9' )"});
  REQUIRE(schema.find("1.1") != nullptr);
  CHECK(schema.find("1.1")->names == std::vector<std::string>{"1.1"});
  CHECK(schema.rule_of("b") == Rule::integer);
  CHECK(schema.rule_of("c-OID") == Rule::case_exact);  // as old servers write it
}

TEST_CASE("an entry that is no subschema knows nothing") {
  const Schema schema = Schema::parse({"cn=a", {{"cn", {"a"}}}});
  CHECK(schema.find("cn") == nullptr);
  CHECK(schema.unreadable().empty());
  CHECK(Schema::parse({"", {{"ATTRIBUTETYPES", {"( 1.1 NAME 'a' )"}}}}).find("a") != nullptr);
}

TEST_CASE("settings say better how a type compares") {
  Schema schema = slapd();
  schema.override_rule("COMMONNAME;lang-de", Rule::case_exact);
  CHECK(schema.rule_of("cn") == Rule::case_exact);
  CHECK(schema.rule_of("2.5.4.3") == Rule::case_exact);
  CHECK(schema.rule_of("name") == Rule::case_ignore);
  schema.override_rule("fax", Rule::telephone);
  CHECK(schema.rule_of("facsimileTelephoneNumber") == Rule::telephone);
  CHECK_FALSE(schema.find("fax")->has_equality);  // the server still has none
  schema.override_rule("Misc1;x-a", Rule::case_exact);
  CHECK(schema.rule_of("misc1") == Rule::case_exact);
  CHECK(schema.find("MISC1")->names == std::vector<std::string>{"Misc1"});
  schema.override_rule("misc1", Rule::octets);
  CHECK(schema.rule_of("Misc1") == Rule::octets);
}

TEST_CASE("rules are named in settings by a word or as in a subschema") {
  for (const Rule rule :
       {Rule::octets, Rule::boolean, Rule::integer, Rule::case_exact, Rule::case_ignore, Rule::case_exact_ia5,
        Rule::numeric, Rule::telephone, Rule::dn, Rule::oid, Rule::time}) {
    CHECK_FALSE(to_text(rule).empty());
    CHECK(parse_rule(to_text(rule)) == rule);
  }
  CHECK(parse_rule("case_ignore") == Rule::case_ignore);
  CHECK(parse_rule("CASEIGNOREMATCH") == Rule::case_ignore);
  CHECK(parse_rule("1.3.6.1.4.1.1466.109.114.1") == Rule::case_exact_ia5);
  CHECK(parse_rule("2.5.13.13") == Rule::boolean);
  CHECK_FALSE(parse_rule("2.5.13").has_value());
  CHECK_FALSE(parse_rule("nearly").has_value());
  CHECK_FALSE(parse_rule("").has_value());
}
