// SPDX-License-Identifier: Apache-2.0
#include "imap/response_parser.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "imap/fetch_parser.hpp"

using namespace mirror::imap;

namespace {

// What came out, as one text, so that every way of cutting the input can be compared.
std::string show(const ResponseEvent& event) {
  if (const auto* begin = std::get_if<BodyBegin>(&event)) {
    const std::uint32_t uid = begin->uid ? mirror::base::raw(*begin->uid) : 0;
    return fmt::format("<{} uid {} {}:", begin->sequence, uid, begin->length);
  }
  if (const auto* chunk = std::get_if<BodyChunk>(&event)) return std::string(chunk->octets);
  if (std::holds_alternative<BodyEnd>(event)) return ">";
  const auto& response = std::get<Response>(event);
  std::string out = fmt::format("{}{}/{}", response.tag, response.name, response.number);
  if (!response.rest.empty()) out += " " + response.rest;
  if (!response.reply.code.empty())
    out += fmt::format(" [{}|{}]", response.reply.code, response.reply.code_text);
  out += response.reply.text.empty() ? "" : " " + response.reply.text;
  return out + fmt::format(" #{};", response.values.size());
}

std::string parse_in_steps(std::string_view input, std::size_t step) {
  ResponseParser parser;
  std::string out;
  for (std::size_t at = 0; at < input.size(); at += step) {
    parser.feed(input.substr(at, step));
    for (;;) {
      auto event = parser.next();
      if (event.has_error()) return out + "!" + std::string(event.error().code());
      if (!event->has_value()) break;
      out += show(**event);
    }
  }
  return out + (parser.at_boundary() ? "." : "~");
}

void check(std::string_view input, const std::string& expected) {
  CAPTURE(input);
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, input.size()})
    CHECK(parse_in_steps(input, step) == expected);
}

}  // namespace

TEST_CASE("every kind of response is read however the octets are cut") {
  check("* OK [CAPABILITY IMAP4rev1 IDLE] Hi {5}\r\n", "OK/0 [CAPABILITY|IMAP4rev1 IDLE] Hi {5} #0;.");
  check("* 23 EXISTS\r\n* 5 expunge\r\n", "EXISTS/23 #0;EXPUNGE/5 #0;.");
  check("M1 NO [TRYCREATE] no such\r\n", "M1NO/0 [TRYCREATE|] no such #0;.");
  check("M2 OK\r\n", "M2OK/0 #0;.");
  check("+ idling\r\n+\r\n+ \r\n", "/0 idling #0;/0 #0;/0 #0;.");
  check("* FLAGS (\\Seen [x])\r\n", "FLAGS/0 (\\Seen [x]) #0;.");
  check("* VANISHED (EARLIER) 1:3,9\r\n", "VANISHED/0 (EARLIER) 1:3,9 #0;.");
  check("* LIST (\\HasNoChildren) \"/\" {5}\r\na\r\nb\" ()\r\n", "LIST/0 #4;.");
  check("* LIST () NIL {0}\r\n\r\n", "LIST/0 #3;.");
  check("* XSOMETHING (((\r\n", "XSOMETHING/0 ((( #0;.");
  check("* OK bare line feed\n", "OK/0 bare line feed #0;.");
  check("* OK \xFF\xFE\x01 junk\r\n", "OK/0 ??? junk #0;.");
}

TEST_CASE("message bodies stream and are never part of the response") {
  check("* 1 FETCH (UID 7 BODY[] {5}\r\na)\r\nb)\r\n", "<1 uid 7 5:a)\r\nb>FETCH/1 #1;.");
  check("* 1 FETCH (BODY[] {3}\r\nabc UID 7)\r\n", "<1 uid 0 3:abc>FETCH/1 #1;.");
  check("* 1 fetch (uid 9 body[] {0}\r\n)\r\n", "<1 uid 9 0:>FETCH/1 #1;.");
  check(std::string_view("* 2 FETCH (UID 7 BINARY[] ~{2}\r\n\0y FLAGS ())\r\n", 46),
        std::string("<2 uid 7 2:\0y>FETCH/2 #1;.", 26));
  check("* 1 FETCH (UID 7 BODY[] \"short\")\r\n", "FETCH/1 #1;.");
  check("* 1 FETCH (UID 7 BODY[] NIL)\r\n", "FETCH/1 #1;.");
  check("* 1 FETCH (UID 7 BODY[HEADER.FIELDS (MESSAGE-ID)] {4}\r\nM: 1)\r\n", "FETCH/1 #1;.");
  check("* 1 FETCH (UID 7 BODY[] {4}\r\nab", "<1 uid 7 4:ab~");
}

TEST_CASE("nonsense is a protocol failure and stays one") {
  for (const std::string bad :
       {"\r\n", "*\r\n", "* \r\n", "M1\r\n", "M1 MAYBE x\r\n", "HTTP/1.1 400 Bad Request\r\n",
        "* 99999999999 EXISTS\r\n", "* 1x EXISTS\r\n", "* 12\r\n", "* LIST (\r\n", "* LIST ) a\r\n",
        "* LIST () \"a\r\n", "* STATUS \"a\\\r\n", "* 1 FETCH (BODY[ 1\r\n",
        "* 1 FETCH (BODY[] {99999999999999999999}\r\n)\r\n", "* LIST () NIL {2000000}\r\n"}) {
    CAPTURE(bad);
    const std::string whole = parse_in_steps(bad, bad.size());
    CHECK(whole == "!MRD-IMAP-001");
    CHECK(parse_in_steps(bad, 1) == whole);
  }
  ResponseParser parser;
  parser.feed("\r\n* OK fine\r\n");
  CHECK(parser.next().has_error());
  CHECK(parser.next().has_error());
}

TEST_CASE("depth and length are bounded") {
  const auto nested = [](int depth) {
    return "* 1 FETCH " + std::string(static_cast<std::size_t>(depth), '(') +
           std::string(static_cast<std::size_t>(depth), ')') + "\r\n";
  };
  check(nested(32), "FETCH/1 #1;.");
  check(nested(33), "!MRD-IMAP-001");
  check(nested(100000), "!MRD-IMAP-001");

  const std::string long_line(ResponseParser::k_longest_line, 'x');
  CHECK(parse_in_steps("* X " + long_line, 65536) == "!MRD-IMAP-001");
  CHECK(parse_in_steps("* SEARCH " + long_line + "\r\n", 65536).ends_with("."));
  CHECK(parse_in_steps("* 1 FETCH (UID 1 BODY[] {2000000}\r\n" + long_line, 65536).ends_with("x~"));
  std::string many = "* 1 FETCH (";
  for (int i = 0; i < 20; ++i) many += "BODY[] {0}\r\n ";
  CHECK(parse_in_steps(many, 65536).ends_with("!MRD-IMAP-001"));
}

TEST_CASE("octets read ahead can be dropped") {
  ResponseParser parser;
  parser.feed("* OK half");
  CHECK_FALSE(parser.next()->has_value());
  CHECK(parser.discard());
  CHECK(parser.at_boundary());
  CHECK_FALSE(parser.discard());
}
