// SPDX-License-Identifier: Apache-2.0
#include "wire/imap_fixture.hpp"

using namespace mirror;
using namespace mirror::test;
using imap::MessageData;
using imap::Uid;
using imap::UidSet;
using net::Task;

namespace {

// Writes down what it is given: "7[3:abc]", "(8 gone)".
struct Notebook final : imap::BodySink {
  std::string text;
  Task<void> begin(Uid uid, std::uint64_t length) override {
    text += fmt::format("{}[{}:", uid, length);
    co_return;
  }
  Task<void> chunk(std::string_view octets) override {
    text += octets;
    co_return;
  }
  Task<void> end() override {
    text += "]";
    co_return;
  }
  Task<void> gone(Uid uid) override {
    text += fmt::format("({} gone)", uid);
    co_return;
  }
};

UidSet uids(std::string_view text) {
  return *UidSet::parse(text);
}

// What fetch_bodies("7:9") gives for an answer of the server, and the code it throws.
std::string bodies_of(std::vector<Step> script, std::string code = {}) {
  Notebook notebook;
  script.insert(script.begin(), expect("M2 UID FETCH 7:9 (UID BODY.PEEK[])\r\n"));
  with_session("", std::move(script), [&](imap::Session& session) -> Task<void> {
    const auto thrown = co_await code_thrown(session.fetch_bodies(uids("7:9"), notebook));
    CHECK(thrown == code);
    CHECK(session.usable() == code.empty());
  });
  return notebook.text;
}

}  // namespace

TEST_CASE("bodies stream with the literal's own length") {
  CHECK(bodies_of({send("* 1 FETCH (UID 7 BODY[] {3}\r\nabc)\r\n* 2 FETCH (UID 8 BODY[] {0}\r\n)\r\n"),
                   send("* 3 FETCH (FLAGS (\\Seen) UID 9 BODY[] {6}\r\n(\r\n{3})\r\n"),
                   send("M2 OK done\r\n")}) == "7[3:abc]8[0:]9[6:(\r\n{3}]");
}

TEST_CASE("quoted bodies are bodies, NIL is gone, strangers and repeats are not passed on") {
  CHECK(bodies_of({send("* 1 FETCH (UID 7 BODY[] \"a\\\\b\")\r\n* 2 FETCH (UID 8 BODY[] NIL)\r\n"
                        "* 9 FETCH (UID 99 BODY[] {3}\r\nxyz)\r\n* 1 FETCH (UID 7 BODY[] {3}\r\nxyz)\r\n"
                        "* 3 FETCH (UID 9 FLAGS ())\r\n* 4 EXPUNGE\r\nM2 OK done\r\n")}) ==
        "7[3:a\\b](8 gone)");
}

TEST_CASE("a UID behind the literal is asked for again, one by one") {
  CHECK(bodies_of({send("* 1 FETCH (BODY[] {3}\r\nabc UID 7)\r\n* 2 FETCH (BODY[] {3}\r\ndef UID 8)\r\nM2 OK "
                        "done\r\n"),
                   expect("M3 UID FETCH 7 (UID BODY.PEEK[])\r\n"),
                   send("* 1 FETCH (BODY[] {3}\r\nabc UID 7)\r\nM3 OK done\r\n"),
                   expect("M4 UID FETCH 8 (UID BODY.PEEK[])\r\n"),
                   send("* 2 FETCH (BODY[] {3}\r\ndef UID 8)\r\nM4 OK done\r\n")}) == "7[3:abc]8[3:def]");
}

TEST_CASE("the body of another message than the one asked for is an error") {
  CHECK(bodies_of({send("* 1 FETCH (BODY[] {3}\r\nabc UID 7)\r\nM2 OK done\r\n"),
                   expect("M3 UID FETCH 7 (UID BODY.PEEK[])\r\n"),
                   send("* 1 FETCH (BODY[] {3}\r\nabc UID 9)\r\nM3 OK done\r\n")},
                  "MRD-IMAP-006") == "7[3:abc]");
}

TEST_CASE("a connection cut, hung or ended by BYE inside a literal never ends the message") {
  CHECK(bodies_of({send("* 1 FETCH (UID 7 BODY[] {10}\r\nabc"), close_here()}, "MRD-NET-003") == "7[10:abc");
  CHECK(bodies_of({send("* 1 FETCH (UID 7 BODY[] {10}\r\nabc"), hang()}, "MRD-NET-002") == "7[10:abc");
  CHECK(bodies_of({send("* 1 FETCH (UID 7 BODY[] {3}\r\nabc)\r\n* BYE maintenance\r\n"), close_here()},
                  "MRD-IMAP-002") == "7[3:abc]");
}

TEST_CASE("a refused fetch gives its reply") {
  with_session("", {expect("M2 UID FETCH 7 (UID BODY.PEEK[])\r\n"), send("M2 NO [SERVERBUG] oops\r\n")},
               [](imap::Session& session) -> Task<void> {
                 Notebook notebook;
                 const auto reply = co_await session.fetch_bodies(uids("7"), notebook);
                 CHECK(reply.code == "SERVERBUG");
                 CHECK(session.usable());
               });
}

TEST_CASE("a sink that fails makes the session unusable") {
  struct Failing final : imap::BodySink {
    Task<void> begin(Uid, std::uint64_t) override { throw base::Failed(base::Failure("MRD-NET-003", "dr")); }
    Task<void> chunk(std::string_view) override { co_return; }
    Task<void> end() override { co_return; }
    Task<void> gone(Uid) override { co_return; }
  };
  with_session(
      "", {expect("M2 UID FETCH 7 (UID BODY.PEEK[])\r\n"), send("* 1 FETCH (UID 7 BODY[] {3}\r\nabc)\r\n")},
      [](imap::Session& session) -> Task<void> {
        Failing sink;
        const auto code = co_await code_thrown(session.fetch_bodies(uids("7"), sink));
        CHECK(code == "MRD-NET-003");
        CHECK_FALSE(session.usable());
      });
}

TEST_CASE("a metadata fetch passes on whole answers to what was asked") {
  std::string seen;
  with_session(
      "CONDSTORE",
      {expect("M2 UID FETCH 1:5 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]) "
              "(CHANGEDSINCE 12)\r\n"),
       send("* 1 FETCH (UID 3 FLAGS (x) INTERNALDATE \"01-Jan-2026 00:00:00 +0000\" RFC822.SIZE 9 "
            "BODY[HEADER.FIELDS (MESSAGE-ID)] {2}\r\n\r\n MODSEQ (14))\r\n"
            "* 2 FETCH (UID 4 FLAGS (y))\r\n* 3 FETCH (UID 99 FLAGS ())\r\n* 3 FETCH (FLAGS ())\r\nM2 OK "
            "x\r\n")},
      [&seen](imap::Session& session) -> Task<void> {
        imap::FetchWhat what{
            .date = true, .size = true, .message_id = true, .changed_since = imap::ModSeq{12}};
        const auto note = [&seen](const MessageData& message) {
          seen += fmt::format("{} {} {};", *message.uid, message.flags->text(), *message.modseq);
        };
        const auto reply = co_await session.fetch(uids("1:5"), what, note);
        CHECK(reply.ok());
      });
  CHECK(seen == "3 x 14;");
}

TEST_CASE("more header fields and file names are asked for in the same command") {
  std::string seen;
  with_session("",
               {expect("M2 UID FETCH 1:5 (UID FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID X-Kind X-Other)] "
                       "BODYSTRUCTURE)\r\n"),
                send("* 1 FETCH (UID 3 FLAGS () BODYSTRUCTURE (\"audio\" \"x\" (\"name\" \"a.wav\") NIL NIL "
                     "\"7bit\" 1) "
                     "BODY[HEADER.FIELDS (MESSAGE-ID X-KIND X-OTHER)] {13}\r\nX-Kind: b\r\n\r\n)\r\n"
                     "* 2 FETCH (UID 4 FLAGS () BODYSTRUCTURE (" +
                     std::string(40, '(') + std::string(40, ')') +
                     ") BODY[HEADER.FIELDS (MESSAGE-ID X-KIND X-OTHER)] {2}\r\n\r\n)\r\nM2 OK x\r\n"),
                expect("M3 UID FETCH 4 (UID BODY.PEEK[HEADER.FIELDS (X-Kind)])\r\n"),
                send("* 2 FETCH (UID 4 BODY[HEADER.FIELDS (X-Kind)] NIL)\r\nM3 OK x\r\n")},
               [&seen](imap::Session& session) -> Task<void> {
                 const auto note = [&seen](const MessageData& message) {
                   seen += fmt::format("{} {} {};", *message.uid, message.header->substr(0, 9),
                                       fmt::join(message.file_names, ","));
                 };
                 imap::FetchWhat what{
                     .message_id = true, .header_fields = {"X-Kind", "X-Other"}, .file_names = true};
                 const auto all = co_await session.fetch(uids("1:5"), what, note);
                 CHECK(all.ok());
                 imap::FetchWhat fields{.flags = false, .header_fields = {"X-Kind"}};
                 const auto left = co_await session.fetch(uids("4"), fields, note);
                 CHECK(left.ok());
               });
  CHECK(seen == "3 X-Kind: b a.wav;4  ;");
}

TEST_CASE("long UID sets are cut into lines that every server takes") {
  UidSet many;
  for (std::uint32_t i = 1; i < 6000; ++i) many.add(Uid{i * 2});
  const auto pieces = many.texts(imap::k_longest_set);
  REQUIRE(pieces.size() > 5);
  std::vector<Step> script;
  unsigned tag = 2;
  for (const auto& piece : pieces) {
    script.push_back(expect(fmt::format("M{} UID FETCH {} (UID FLAGS)\r\n", tag, piece)));
    script.push_back(send(fmt::format("M{} OK x\r\n", tag++)));
  }
  const std::string sent = with_session("", std::move(script), [&many](imap::Session& session) -> Task<void> {
    const auto reply = co_await session.fetch(many, {}, [](const MessageData&) {});
    CHECK(reply.ok());
  });
  std::size_t longest = 0;
  for (std::size_t at = 0, end = 0; (end = sent.find('\n', at)) != std::string::npos; at = end + 1)
    longest = std::max(longest, end - at);
  CHECK(longest < 4200);
}

TEST_CASE("an empty set costs nothing") {
  with_session("UIDPLUS", {}, [](imap::Session& session) -> Task<void> {
    Notebook notebook;
    const auto fetched = co_await session.fetch({}, {}, [](const MessageData&) {});
    const auto bodies = co_await session.fetch_bodies({}, notebook);
    const auto expunged = co_await session.expunge({});
    CHECK((fetched.ok() && bodies.ok() && expunged.ok()));
  });
}

TEST_CASE("searches use ESEARCH where offered") {
  const auto all = [](std::string expected) {
    return [expected](imap::Session& session) -> Task<void> {
      const auto found = co_await session.search_all();
      REQUIRE(found.has_value());
      CHECK(found->text() == expected);
    };
  };
  with_session("ESEARCH",
               {expect("M2 UID SEARCH RETURN (ALL) ALL\r\n"),
                send("* ESEARCH (TAG \"M2\") UID ALL 1:3,9\r\nM2 OK x\r\n")},
               all("1:3,9"));
  with_session("", {expect("M2 UID SEARCH ALL\r\n"), send("* SEARCH 9 1 2 3\r\nM2 OK x\r\n")}, all("1:3,9"));
  with_session("", {expect("M2 UID SEARCH ALL\r\n"), send("* SEARCH\r\nM2 OK x\r\n")}, all(""));
}

TEST_CASE("flag changes are pipelined, one reply each") {
  using imap::FlagAction;
  using imap::FlagSet;
  with_session("",
               {expect("M2 UID STORE 1:2 FLAGS.SILENT ()\r\nM3 UID STORE 3 +FLAGS.SILENT (\\Seen)\r\n"
                       "M4 UID STORE 4 -FLAGS.SILENT (kw)\r\n"),
                send("M2 OK x\r\nM3 NO [CANNOT] y\r\nM4 OK z\r\n")},
               [](imap::Session& session) -> Task<void> {
                 std::vector<imap::FlagChange> changes{{uids("1:2"), FlagAction::replace, {}},
                                                       {uids("3"), FlagAction::add, FlagSet::parse("\\Seen")},
                                                       {uids("9"), FlagAction::add, {}},
                                                       {uids("4"), FlagAction::remove, FlagSet::parse("kw")}};
                 const auto replies = co_await session.store(std::move(changes));
                 REQUIRE(replies.size() == 4);
                 CHECK(replies[0].ok());
                 CHECK(replies[1].code == "CANNOT");
                 CHECK(replies[2].ok());
                 CHECK(replies[3].ok());
               });
}

TEST_CASE("expunge takes exactly the messages named") {
  const auto act = [](imap::Session& session) -> Task<void> {
    const auto reply = co_await session.expunge(uids("3:5"));
    CHECK(reply.ok());
  };
  with_session("UIDPLUS",
               {expect("M2 UID STORE 3:5 +FLAGS.SILENT (\\Deleted)\r\n"), send("M2 OK x\r\n"),
                expect("M3 UID EXPUNGE 3:5\r\n"), send("* 3 EXPUNGE\r\nM3 OK x\r\n")},
               act);
  with_session("",
               {expect("M2 UID SEARCH DELETED\r\n"), send("* SEARCH 1 2 4 9\r\nM2 OK x\r\n"),
                expect("M3 UID STORE 1:2,9 -FLAGS.SILENT (\\Deleted)\r\n"), send("M3 OK x\r\n"),
                expect("M4 UID STORE 3:5 +FLAGS.SILENT (\\Deleted)\r\n"), send("M4 OK x\r\n"),
                expect("M5 EXPUNGE\r\n"), send("M5 OK x\r\n"),
                expect("M6 UID STORE 1:2,9 +FLAGS.SILENT (\\Deleted)\r\n"), send("M6 OK x\r\n")},
               act);
}

TEST_CASE("without UIDPLUS nothing is expunged while a foreign mark stands") {
  with_session("",
               {expect("M2 UID SEARCH DELETED\r\n"), send("* SEARCH 1\r\nM2 OK x\r\n"),
                expect("M3 UID STORE 1 -FLAGS.SILENT (\\Deleted)\r\n"), send("M3 NO no\r\n"),
                expect("M4 UID STORE 1 +FLAGS.SILENT (\\Deleted)\r\n"), send("M4 OK x\r\n")},
               [](imap::Session& session) -> Task<void> {
                 const auto reply = co_await session.expunge(uids("3"));
                 CHECK_FALSE(reply.ok());
               });
}
