// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "imap/fetch_parser.hpp"
#include "imap/response_parser.hpp"
#include "imap/structure_parser.hpp"

using namespace mirror::imap;
using Names = std::vector<std::string>;

namespace {

const std::string k_text = R"(("text" "plain" NIL NIL NIL "8bit" 9 1 NIL NIL NIL NIL))";

// Of a part with these parameters and this disposition.
std::string audio(const std::string& parameters, const std::string& disposition = "NIL") {
  return R"(("audio" "x-wav" )" + parameters + R"( NIL NIL "base64" 999 NIL )" + disposition + " NIL NIL)";
}

std::string fetch(const std::string& structure) {
  return "* 1 FETCH (UID 7 BODYSTRUCTURE " + structure + ")\r\n";
}

Names names_in(const std::string& structure) {
  ResponseParser parser;
  parser.feed(fetch(structure));
  auto event = parser.next();
  REQUIRE(event.has_value());
  const auto data = parse_fetch(std::get<Response>(**event));
  REQUIRE(data.has_value());
  return data->message.file_names;
}

// What the parser makes of a response and of the one behind it, fed in pieces: "NAME passed_over;".
std::string read_in(const std::string& text, std::size_t step) {
  ResponseParser parser;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += step) {
    parser.feed(std::string_view(text).substr(at, step));
    for (;;) {
      auto event = parser.next();
      if (!event) return out + "!" + std::string(event.error().code());
      if (!event->has_value()) break;
      const auto& response = std::get<Response>(**event);
      out += response.name + (response.passed_over ? " passed over;" : ";");
    }
  }
  return out;
}

std::string nested(int depth, const std::string& inner) {
  std::string text = inner;
  for (int i = 0; i < depth; ++i) text = "(" + text + R"( "mixed"))";
  return text;
}

}  // namespace

TEST_CASE("file names are those of the parts' types and dispositions", "[structure]") {
  const std::string wav =
      audio(R"(("NAME" "busy.wav"))", R"(("attachment" ("filename" "Busy 2.wav" "size" "7")))");
  CHECK(names_in(wav) == Names{"busy.wav", "Busy 2.wav"});
  CHECK(names_in("(" + k_text + wav + R"( "mixed" ("boundary" "name") NIL NIL NIL))") ==
        Names{"busy.wav", "Busy 2.wav"});
  CHECK(names_in("((" + k_text + k_text + R"( "alternative"))" +
                 audio(R"(("name" {3})"
                       "\r\na)b)") +
                 R"( "mixed"))") == Names{"a)b"});
  CHECK(names_in(k_text).empty());
}

TEST_CASE("RFC 2231 is undone", "[structure]") {
  CHECK(names_in(audio(R"(("name*" "utf-8'de'gr%C3%bC%zz.wav"))")) == Names{"gr\xC3\xBC%zz.wav"});
  CHECK(
      names_in(audio(
          "NIL", R"(("attachment" ("filename*0*" "''a%20" "filename*1" "b%20" "filename*2*" "c%2Ewav")))")) ==
      Names{"a b%20c.wav"});
}

TEST_CASE("the names of an attached message's parts are not the message's", "[structure]") {
  const std::string inner = audio(R"(("name" "inner.wav"))");
  const std::string envelope = R"(("d" "s" (("filename" NIL "name" "x")) NIL NIL NIL NIL NIL NIL "<1@x>"))";
  CHECK(names_in(R"(("message" "rfc822" ("name" "letter.eml") NIL NIL "7bit" 99 )" + envelope + " " + inner +
                 R"( 4 NIL ("attachment" ("filename" "outer.eml")) NIL NIL))") ==
        Names{"letter.eml", "outer.eml"});
}

TEST_CASE("what is no structure has no names", "[structure]") {
  for (const std::string odd :
       {"NIL", "()", "(())", "\"name\"", "(\"name\" \"x\")", "((NIL NIL NIL))", "(NIL NIL (\"name\"))",
        "(NIL NIL (NIL \"x\" (\"name\") \"y\" \"name\" NIL))"}) {
    CAPTURE(odd);
    CHECK(names_in(odd).empty());
  }
  std::string many = "(";
  for (int i = 0; i < 100; ++i) many += audio(R"(("name" "x"))");
  CHECK(names_in(many + ")").size() == k_most_file_names);
}

TEST_CASE("a structure beyond the bounds is passed over, and the next response is read", "[structure]") {
  const std::string inner = audio(R"(("name" "x"))");
  const std::string next = "* 2 FETCH (UID 8 FLAGS ())\r\n";
  CHECK(read_in(fetch(nested(20, inner)) + next, 65536) == "FETCH;FETCH;");
  CHECK(read_in(fetch(nested(60, inner)) + next, 65536) == "FETCH passed over;FETCH;");
  const std::string octets(ResponseParser::k_longest_line, 'x');
  const std::string header = " BODY[HEADER.FIELDS (X)] {4}\r\n{1}\n";
  for (const std::size_t step : {std::size_t{65536}, std::size_t{100'003}}) {
    CHECK(read_in(fetch(audio("(\"name\" \"" + octets + "\")") + header) + next, step) ==
          "FETCH passed over;FETCH;");
    CHECK(read_in(fetch(audio("(\"name\" {" + std::to_string(octets.size() + 40) + "}\r\n" + octets +
                              " a literal's octets, {7}\r\nmore of it ") +
                        ")" + header) +
                      next,
                  step) == "FETCH passed over;FETCH;");
  }
  CHECK(read_in("* 1 FETCH (UID 7 FLAGS (" + octets + "))\r\n" + next, 65536) == "!MRD-IMAP-001");
  CHECK(read_in("* 1 FETCH (UID 7 BODYSTRUCTURE (" + octets + " BODY[] {3}\r\nabc)\r\n", 65536) ==
        "!MRD-IMAP-001");
}
