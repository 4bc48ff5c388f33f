// SPDX-License-Identifier: Apache-2.0
#include "imap/command.hpp"

#include <catch2/catch.hpp>

#include "imap/base64.hpp"
#include "imap/conversation.hpp"
#include "imap/scram.hpp"

using namespace mirror::imap;
using mirror::base::SecretText;

namespace {

std::vector<std::string> login(std::string_view password, LiteralStyle style) {
  return Command("LOGIN", style).string("joe").string(password).parts();
}

Response response(Response::Kind kind, std::string tag = {}, std::string name = {}) {
  Response out;
  out.kind = kind;
  out.tag = std::move(tag);
  out.name = std::move(name);
  return out;
}

}  // namespace

TEST_CASE("arguments are written as atom, quoted string or literal") {
  using Parts = std::vector<std::string>;
  CHECK(login("secret", LiteralStyle::synchronising) == Parts{"LOGIN joe secret"});
  CHECK(login("a\"b\\c d", LiteralStyle::synchronising) == Parts{"LOGIN joe \"a\\\"b\\\\c d\""});
  CHECK(login("", LiteralStyle::synchronising) == Parts{"LOGIN joe \"\""});
  CHECK(login("nil", LiteralStyle::synchronising) == Parts{"LOGIN joe \"nil\""});
  CHECK(login("a*", LiteralStyle::synchronising) == Parts{"LOGIN joe \"a*\""});
  CHECK(login("\xC3\xA9", LiteralStyle::synchronising) == Parts{"LOGIN joe {2}\r\n", "\xC3\xA9"});
  CHECK(login("\xC3\xA9", LiteralStyle::plus) == Parts{"LOGIN joe {2+}\r\n\xC3\xA9"});
  CHECK(login("a\r\nM9 DELETE x", LiteralStyle::minus) == Parts{"LOGIN joe {14+}\r\na\r\nM9 DELETE x"});
  CHECK(login(std::string(5000, 'x') + "\n", LiteralStyle::minus).size() == 2);
}

TEST_CASE("RFC 7888: LITERAL- goes unasked up to 4096 octets") {
  CHECK(literal_mark(LiteralStyle::minus, 4096) == "{4096+}");
  CHECK(literal_mark(LiteralStyle::minus, 4097) == "{4097}");
  CHECK(literal_mark(LiteralStyle::plus, 1'000'000) == "{1000000+}");
  CHECK(literal_mark(LiteralStyle::synchronising, 1) == "{1}");
  CHECK(flag_list(FlagSet()) == "()");
}

TEST_CASE("replies belong to their tags in whatever order they come") {
  using Kind = Response::Kind;
  Conversation talk;
  const auto first = talk.start("STATUS");
  const auto second = talk.start("LIST");
  CHECK(talk.accept(response(Kind::untagged, {}, "STATUS")).value() == Conversation::Meaning::data);
  CHECK(talk.accept(response(Kind::tagged, second, "OK")).value() == Conversation::Meaning::reply);
  CHECK(talk.name_of(second) == "LIST");
  CHECK_FALSE(talk.take_reply(first).has_value());
  CHECK(talk.take_reply(second).has_value());
  CHECK_FALSE(talk.take_reply(second).has_value());
  CHECK(talk.accept(response(Kind::tagged, second, "OK")).has_error());
  CHECK(talk.accept(response(Kind::tagged, "M99", "OK")).has_error());
  CHECK_FALSE(talk.idle());
}

TEST_CASE("a plus is for the one command that waits for it") {
  using Kind = Response::Kind;
  Conversation talk;
  const auto tag = talk.start("APPEND");
  CHECK(talk.accept(response(Kind::go_ahead)).has_error());
  talk.await_go_ahead(tag);
  CHECK(talk.accept(response(Kind::go_ahead)).value() == Conversation::Meaning::go_ahead);
  CHECK(talk.take_go_ahead(tag));
  CHECK_FALSE(talk.take_go_ahead(tag));
  talk.await_go_ahead(tag);
  CHECK(talk.accept(response(Kind::tagged, tag, "NO")).value() == Conversation::Meaning::reply);
  CHECK(talk.accept(response(Kind::go_ahead)).has_error());
}

TEST_CASE("BYE is remembered with its words") {
  Conversation talk;
  Response bye = response(Response::Kind::untagged, {}, "BYE");
  bye.reply.text = "shutting down";
  CHECK(talk.accept(bye).value() == Conversation::Meaning::bye);
  CHECK(talk.bye()->text == "shutting down");
}

TEST_CASE("base64 there and back") {
  for (const std::string text : {"", "f", "fo", "foo", "foob", "\0\xFF\x10"})
    CHECK(decode_base64(encode_base64(text)) == text);
  CHECK(encode_base64("foobar!") == "Zm9vYmFyIQ==");
  CHECK_FALSE(decode_base64("Zm9").has_value());
  CHECK_FALSE(decode_base64("Zm9*").has_value());
}

TEST_CASE("SCRAM-SHA-256 gives the messages of RFC 7677 section 3") {
  ScramClient client("user", SecretText("pencil"), "", "rOprNGfwEbeRWgbNEkqO");
  CHECK(client.first() == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  const auto answer =
      client.answer("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  REQUIRE(answer.has_value());
  CHECK(*answer ==
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+"
        "Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  CHECK(client.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
  CHECK_FALSE(client.verify("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
  CHECK_FALSE(client.verify("e=other-error"));
}

TEST_CASE("a SCRAM server that is none is refused") {
  ScramClient client("u,=", SecretText("p"), "al=ice", "abc");
  CHECK(client.first() == "n,a=al=3Dice,n=u=2C=3D,r=abc");
  for (const auto* bad : {"", "r=abc,s=AAAA,i=4096", "r=xyzabc,s=AAAA,i=4096", "r=abcd,s=,i=4096",
                          "r=abcd,s=AAAA,i=0", "r=abcd,s=AAAA,i=99999999", "e=unknown-user"})
    CHECK(client.answer(bad).has_error());
  CHECK_FALSE(client.verify("v="));
}
