// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "imap/fetch_parser.hpp"
#include "imap/list_parser.hpp"
#include "imap/response_parser.hpp"
#include "imap/status_parser.hpp"

using namespace mirror::imap;
using mirror::base::raw;

namespace {

Response one(std::string_view line) {
  ResponseParser parser;
  parser.feed(line);
  parser.feed("\r\n");
  for (;;) {
    auto event = parser.next();
    REQUIRE(event.has_value());
    REQUIRE(event->has_value());
    if (auto* response = std::get_if<Response>(&**event)) return std::move(*response);
  }
}

}  // namespace

TEST_CASE("a FETCH response gives what it names, in any order and case") {
  const auto data = *parse_fetch(
      one("* 4 FETCH (FLAGS (\\seen \\Recent $Label1 \\XStrange) Uid 17 RFC822.SIZE 4294967296 MODSEQ "
          "(9223372036854775807) "
          "INTERNALDATE \" 1-Feb-2026 10:00:00 +0130\" X-GM-MSGID 12 ENVELOPE (NIL (a (b)) \"x\") "
          "BODY[HEADER.FIELDS (MESSAGE-ID)] {9}\r\nM: <a>\r\n\n)"));
  const auto& message = data.message;
  CHECK(message.sequence == 4);
  CHECK(raw(message.uid.value()) == 17);
  CHECK(message.flags->contains("\\Seen"));
  CHECK(message.flags->contains("$label1"));
  CHECK_FALSE(message.flags->contains("\\Recent"));
  CHECK(message.size == 4294967296u);
  CHECK(raw(message.modseq.value()) == 9223372036854775807u);
  CHECK(message.date->zone_minutes == 90);
  CHECK(message.header == "M: <a>\r\n\n");
  CHECK_FALSE(data.has_body);
}

TEST_CASE("dates and numbers that are none are left out") {
  const auto data =
      *parse_fetch(one("* 1 FETCH (UID 0 INTERNALDATE \"soon\" RFC822.SIZE -1 MODSEQ (x) FLAGS NIL)"));
  CHECK_FALSE(data.message.uid.has_value());
  CHECK_FALSE(data.message.date.has_value());
  CHECK_FALSE(data.message.size.has_value());
  CHECK_FALSE(data.message.modseq.has_value());
  CHECK_FALSE(data.message.flags.has_value());
}

TEST_CASE("a body is told apart: streamed, quoted, NIL") {
  const auto streamed = *parse_fetch(one("* 1 FETCH (UID 2 BODY[] {3}\r\nabc FLAGS ())"));
  CHECK(streamed.has_body);
  CHECK(streamed.body_streamed);
  CHECK(streamed.message.flags.has_value());
  const auto quoted = *parse_fetch(one("* 1 FETCH (UID 2 BODY[] \"a\\\"b\")"));
  CHECK(quoted.body == "a\"b");
  const auto gone = *parse_fetch(one("* 1 FETCH (UID 2 BODY[] NIL)"));
  CHECK(gone.has_body);
  CHECK_FALSE(gone.body.has_value());
  const auto empty = *parse_fetch(one("* 1 FETCH (UID 2 BODY[] \"\")"));
  CHECK(empty.body == "");
}

TEST_CASE("a FETCH that is no item list fails") {
  for (const auto* line :
       {"* 1 FETCH", "* 1 FETCH x", "* 1 FETCH (UID)", "* 1 FETCH ((a) b)", "* 1 FETCH () ()"})
    CHECK(parse_fetch(one(line)).has_error());
  CHECK(parse_fetch(one("* 1 FETCH ()")).has_value());
}

TEST_CASE("LIST gives name, delimiter and attributes") {
  const auto folder =
      *parse_list(one("* LIST (\\HasChildren \\Sent \\Subscribed) \"/\" \"Entw&APw-rfe/a \\\"b\\\"\""));
  CHECK(folder.name == "Entwürfe/a \"b\"");
  CHECK_FALSE(folder.raw);
  CHECK(folder.delimiter == '/');
  CHECK(folder.subscribed);
  CHECK(folder.selectable());
  CHECK(folder.attributes.contains("\\sent"));

  const auto raw_name = *parse_list(one("* LIST (\\NonExistent) NIL a&b"));
  CHECK(raw_name.name == "a&b");
  CHECK(raw_name.raw);
  CHECK(raw_name.delimiter == 0);
  CHECK_FALSE(raw_name.selectable());

  CHECK(parse_list(one("* LIST () \".\" inbox"))->name == "INBOX");
  CHECK(parse_list(one("* LIST () \".\" NIL"))->name == "NIL");
  CHECK(parse_list(one("* LIST () \"\\\\\" {3}\r\nx y"))->delimiter == '\\');
  CHECK(parse_list(one("* LIST () \"/\" x (\"CHILDINFO\" (\"SUBSCRIBED\"))"))->name == "x");
  CHECK(parse_list(one("* LSUB () \"/\" x"))->subscribed);
  for (const auto* line : {"* LIST", "* LIST () \"/\"", "* LIST a b c", "* LIST () \"/\" (x)"})
    CHECK(parse_list(one(line)).has_error());
}

TEST_CASE("STATUS keeps what is in range") {
  const auto [name, status] =
      *parse_status(one("* STATUS \"a b\" (MESSAGES 3 UIDNEXT 4294967295 UIDVALIDITY 7 HIGHESTMODSEQ "
                        "12345678901 UNSEEN 99999999999 "
                        "MAILBOXID (F1-x) SIZE 4)"));
  CHECK(name == "a b");
  CHECK(status.messages == 3u);
  CHECK(raw(status.uidnext.value()) == 4294967295u);
  CHECK(raw(status.uidvalidity.value()) == 7);
  CHECK(raw(status.highestmodseq.value()) == 12345678901u);
  CHECK_FALSE(status.unseen.has_value());
  CHECK(status.mailboxid == "F1-x");
  CHECK_FALSE(parse_status(one("* STATUS x (UIDNEXT 0)"))->second.uidnext.has_value());
  CHECK(parse_status(one("* STATUS x")).has_error());
}

TEST_CASE("searches and vanished sets") {
  CHECK(parse_search(one("* SEARCH 5 3 4 4"))->text() == "3:5");
  CHECK(parse_search(one("* SEARCH"))->empty());
  CHECK(parse_search(one("* SEARCH 2 5 (MODSEQ 917162500)"))->text() == "2,5");
  CHECK(parse_search(one("* SEARCH 0")).has_error());
  CHECK(parse_search(one("* SEARCH 4294967296")).has_error());
  CHECK(parse_search(one("* ESEARCH (TAG \"M4\") UID ALL 1:3,7 COUNT 4"))->text() == "1:3,7");
  CHECK(parse_search(one("* ESEARCH (TAG \"M4\") UID"))->empty());
  CHECK(parse_search(one("* ESEARCH (TAG \"M4\") UID ALL 1:*")).has_error());
  const auto vanished = *parse_vanished(one("* VANISHED (EARLIER) 41,43:116"));
  CHECK(vanished.earlier);
  CHECK(vanished.uids.count() == 75);
  CHECK_FALSE(parse_vanished(one("* VANISHED 7"))->earlier);
  CHECK(parse_vanished(one("* VANISHED x")).has_error());
}

TEST_CASE("namespaces and ID") {
  CHECK(parse_namespace(one("* NAMESPACE ((\"INBOX.\" \".\")) NIL ((\"shared.\" \".\"))")) ==
        std::pair<std::string, char>("INBOX.", '.'));
  CHECK(parse_namespace(one("* NAMESPACE NIL NIL NIL")) == std::pair<std::string, char>("", '\0'));
  CHECK(parse_namespace(one("* NAMESPACE ((\"\" NIL)) NIL NIL")).second == '\0');
  const auto fields = parse_id(one("* ID (\"name\" \"Dovecot\" \"os\" NIL \"odd\")"));
  REQUIRE(fields.size() == 2);
  CHECK(fields[0].second == "Dovecot");
  CHECK(fields[1].second.empty());
  CHECK(parse_id(one("* ID NIL")).empty());
}
