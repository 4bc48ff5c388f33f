// SPDX-License-Identifier: Apache-2.0
#include "wire/imap_fixture.hpp"

using namespace mirror;
using namespace mirror::test;
using imap::FlagSet;
using imap::InternalDate;
using imap::Reply;
using net::Task;

namespace {

const InternalDate k_date{.unix_seconds = 0, .zone_minutes = 0};
const std::string k_date_text = "\" 1-Jan-1970 00:00:00 +0000\"";

Task<std::optional<Reply>> put(imap::AppendStream& stream, std::string message, bool release = true) {
  auto refused = co_await stream.begin(FlagSet(), k_date, message.size());
  if (refused) co_return refused;
  // In odd pieces, so that the last octet also comes alone.
  for (std::size_t at = 0; at < message.size(); at += 4)
    co_await stream.octets(std::string_view(message).substr(at, 4));
  if (release) co_await stream.release();
  co_return std::nullopt;
}

}  // namespace

TEST_CASE("MULTIAPPEND is one command and ends only with finish()") {
  with_session("MULTIAPPEND LITERAL+",
               {expect("M2 APPEND INBOX (\\Seen kw) " + k_date_text + " {5+}\r\nhello () " + k_date_text +
                       " {3+}\r\nabc\r\n"),
                send("M2 OK [APPENDUID 7 1:2] done\r\n")},
               [](imap::Session& session) -> Task<void> {
                 auto stream = session.append("INBOX", 2, true);
                 CHECK(stream->multi());
                 const auto first = co_await stream->begin(FlagSet::parse("\\Seen kw"), k_date, 5);
                 CHECK_FALSE(first.has_value());
                 co_await stream->octets("hello");
                 co_await stream->release();
                 const auto second = co_await put(*stream, "abc");
                 CHECK_FALSE(second.has_value());
                 const auto replies = co_await stream->finish();
                 REQUIRE(replies.size() == 1);
                 CHECK(append_uid(replies[0])->uids.text() == "1:2");
               });
}

TEST_CASE("single APPENDs are pipelined, CRLF with the released octet") {
  with_session("LITERAL+",
               {expect("M2 APPEND \"a b\" () " + k_date_text + " {5+}\r\nhello\r\nM3 APPEND \"a b\" () " +
                       k_date_text + " {3+}\r\nabc\r\n"),
                send("M2 OK [APPENDUID 7 1] done\r\nM3 NO [TOOBIG] no\r\n")},
               [](imap::Session& session) -> Task<void> {
                 auto stream = session.append("a b", 2, true);
                 CHECK_FALSE(stream->multi());
                 co_await put(*stream, "hello");
                 co_await put(*stream, "abc");
                 const auto replies = co_await stream->finish();
                 REQUIRE(replies.size() == 2);
                 CHECK(replies[0].ok());
                 CHECK(replies[1].code == "TOOBIG");
               });
}

TEST_CASE("the withheld octet and the CRLF do not leave before the release, nor after a close") {
  for (const std::string caps : {"MULTIAPPEND LITERAL+", "LITERAL+"}) {
    const std::string sent = with_session(caps, {hang()}, [](imap::Session& session) -> Task<void> {
      auto stream = session.append("INBOX", 1, true);
      co_await put(*stream, "hello", false);
      co_await net::sleep_for(std::chrono::milliseconds(20));
      session.close();
      const auto code = co_await code_thrown(stream->release());
      CHECK(code == "MRD-NET-003");
      co_await net::sleep_for(std::chrono::milliseconds(20));
    });
    CHECK(sent.ends_with("M2 APPEND INBOX () " + k_date_text + " {5+}\r\nhell"));
  }
}

TEST_CASE("in a window only the last message is open after the earlier ones were released") {
  const auto leave = [](imap::Session& session) -> Task<void> {
    auto stream = session.append("INBOX", 2, true);
    co_await put(*stream, "hello");
    co_await put(*stream, "abc", false);
    session.close();
  };
  CHECK(with_session("MULTIAPPEND LITERAL+", {hang()}, leave)
            .ends_with("hello () " + k_date_text + " {3+}\r\nab"));
  CHECK(with_session("LITERAL+", {hang()}, leave)
            .ends_with("hello\r\nM3 APPEND INBOX () " + k_date_text + " {3+}\r\nab"));
}

TEST_CASE("all messages of a MULTIAPPEND released, but not finished: no CRLF") {
  const std::string sent =
      with_session("MULTIAPPEND LITERAL+", {hang()}, [](imap::Session& session) -> Task<void> {
        auto stream = session.append("INBOX", 2, true);
        co_await put(*stream, "hello");
        co_await put(*stream, "abc");
        stream.reset();  // an abandoned window closes the connection
        CHECK_FALSE(session.usable());
      });
  CHECK_FALSE(sent.ends_with("\r\n"));
}

TEST_CASE("synchronising literals wait, and a NO instead of the plus comes from begin()") {
  with_session("",
               {expect("M2 APPEND INBOX () " + k_date_text + " {5}\r\n"), send("+ go\r\n"),
                expect("hello\r\nM3 APPEND INBOX () " + k_date_text + " {3}\r\n"),
                send("M2 OK [APPENDUID 7 1] done\r\nM3 NO [OVERQUOTA] full\r\n"), expect("M4 NOOP\r\n"),
                send("M4 OK x\r\n")},
               [](imap::Session& session) -> Task<void> {
                 auto stream = session.append("INBOX", 2, true);
                 const auto first = co_await put(*stream, "hello");
                 CHECK_FALSE(first.has_value());
                 const auto second = co_await put(*stream, "abc");
                 REQUIRE(second.has_value());
                 CHECK(second->code == "OVERQUOTA");
                 const auto replies = co_await stream->finish();
                 CHECK(replies.size() == 1);
                 stream.reset();
                 CHECK(session.usable());
                 const auto noop = co_await session.noop();
                 CHECK(noop.ok());
               });
}

TEST_CASE("a MULTIAPPEND refused in the middle is refused as a whole") {
  with_session("MULTIAPPEND",
               {expect("M2 APPEND INBOX () " + k_date_text + " {5}\r\n"), send("+ go\r\n"),
                expect("hello () " + k_date_text + " {3}\r\n"), send("M2 NO [TOOBIG] no\r\n")},
               [](imap::Session& session) -> Task<void> {
                 auto stream = session.append("INBOX", 3, true);
                 co_await put(*stream, "hello");
                 const auto second = co_await put(*stream, "abc");
                 REQUIRE(second.has_value());
                 const auto third = co_await put(*stream, "xyz");
                 CHECK(third->code == "TOOBIG");
                 const auto replies = co_await stream->finish();
                 REQUIRE(replies.size() == 1);
                 CHECK(replies[0].code == "TOOBIG");
                 stream.reset();
                 CHECK(session.usable());
               });
}

TEST_CASE("LITERAL- asks only for what is longer than 4096 octets") {
  const std::string big(5000, 'x');
  with_session("LITERAL-",
               {expect("M2 APPEND INBOX () " + k_date_text + " {3+}\r\nabc\r\nM3 APPEND INBOX () " +
                       k_date_text + " {5000}\r\n"),
                send("+ go\r\n"), expect(big + "\r\n"), send("M2 OK a\r\nM3 OK b\r\n")},
               [&big](imap::Session& session) -> Task<void> {
                 auto stream = session.append("INBOX", 2, true);
                 co_await put(*stream, "abc");
                 co_await put(*stream, big);
                 const auto replies = co_await stream->finish();
                 CHECK(replies.size() == 2);
               });
}

TEST_CASE("an empty message is refused without a word on the wire") {
  with_session("LITERAL+", {}, [](imap::Session& session) -> Task<void> {
    auto stream = session.append("INBOX", 1, true);
    const auto refused = co_await stream->begin(FlagSet(), k_date, 0);
    REQUIRE(refused.has_value());
    CHECK(failure_of(*refused, "APPEND", "INBOX").scope() == base::Scope::message);
    const auto replies = co_await stream->finish();
    CHECK(replies.empty());
  });
}

TEST_CASE("a server that does not answer the last CRLF is given up") {
  with_session("LITERAL+", {hang()}, [](imap::Session& session) -> Task<void> {
    auto stream = session.append("INBOX", 1, true);
    co_await put(*stream, "hello");
    const auto code = co_await code_thrown(stream->finish());
    CHECK(code == "MRD-NET-002");
    CHECK_FALSE(session.usable());
  });
}

TEST_CASE("a long message goes out in order and whole") {
  std::string message(300'000, 'm');
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<char>('a' + i % 23);
  with_session("LITERAL+",
               {expect("M2 APPEND INBOX () " + k_date_text + " {300000+}\r\n" + message + "\r\n"),
                send("M2 OK x\r\n")},
               [&message](imap::Session& session) -> Task<void> {
                 auto stream = session.append("INBOX", 1, false);
                 co_await stream->begin(FlagSet(), k_date, message.size());
                 for (std::size_t at = 0; at < message.size(); at += 70'001)
                   co_await stream->octets(std::string_view(message).substr(at, 70'001));
                 co_await stream->release();
                 const auto replies = co_await stream->finish();
                 CHECK(replies.size() == 1);
               });
}

TEST_CASE("calls out of turn are bugs, not octets") {
  with_session("LITERAL+", {hang()}, [](imap::Session& session) -> Task<void> {
    auto stream = session.append("INBOX", 1, false);
    co_await stream->begin(FlagSet(), k_date, 3);
    bool refused = false;
    try {
      co_await stream->octets("four");
    } catch (const std::logic_error&) {
      refused = true;
    }
    CHECK(refused);
  });
}
