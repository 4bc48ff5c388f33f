// SPDX-License-Identifier: Apache-2.0
#include "wire/imap_fixture.hpp"

using namespace mirror;
using namespace mirror::test;
using imap::Folder;
using imap::WatchEvent;
using net::Task;

namespace {

std::string show(const std::vector<Folder>& folders) {
  std::string out;
  for (const auto& folder : folders) {
    out += folder.name + (folder.raw ? " raw" : "") + (folder.subscribed ? " sub" : "");
    if (folder.attributes.contains("\\nonexistent")) out += " none";
    if (folder.status && folder.status->uidnext) out += fmt::format(" {}", *folder.status->uidnext);
    out += ";";
  }
  return out;
}

// Lists with STATUS and gives the folders, or the code of the failure.
std::string list_of(const std::string& caps, std::vector<Step> script) {
  std::string out;
  with_session(caps, std::move(script), [&out](imap::Session& session) -> Task<void> {
    try {
      const auto folders = co_await session.list(true);
      out = folders.has_value() ? show(*folders) : std::string(folders.error().code());
    } catch (const base::Failed& failed) {
      out = std::string(failed.failure().code());
    }
  });
  return out;
}

constexpr const char* k_two_lists =
    "M2 LIST \"\" \"*\" RETURN (SUBSCRIBED SPECIAL-USE STATUS (UIDNEXT UIDVALIDITY MESSAGES HIGHESTMODSEQ "
    "MAILBOXID))\r\n"
    "M3 LIST (SUBSCRIBED) \"\" \"*\"\r\n";
constexpr const char* k_all = "LIST-EXTENDED LIST-STATUS SPECIAL-USE CONDSTORE OBJECTID";

}  // namespace

TEST_CASE("one LIST-STATUS tells everything, subscribed names without a folder included") {
  CHECK(list_of(k_all,
                {expect(k_two_lists),
                 send("* LIST (\\Subscribed) \"/\" INBOX\r\n* STATUS INBOX (UIDNEXT 5 MESSAGES 1)\r\n"
                      "* LIST (\\NonExistent \\HasChildren) \"/\" a\r\n* LIST () \"/\" \"a/x &- y\"\r\n"
                      "* STATUS \"a/x &- y\" (UIDNEXT 6)\r\n* LIST () \"/\" bad&name\r\nM2 OK x\r\n"
                      "* LIST (\\Subscribed) \"/\" INBOX\r\n* LIST (\\Subscribed \\NonExistent) \"/\" "
                      "old\r\nM3 OK x\r\n")}) == "INBOX sub 5;a none;a/x & y 6;bad&name raw;old sub none;");
}

TEST_CASE("a list is complete or a failure") {
  CHECK(list_of(k_all,
                {expect(k_two_lists), send("* LIST () \"/\" a\r\nM2 NO [UNAVAILABLE] x\r\nM3 OK x\r\n")}) ==
        "MRD-IMAP-020");
  CHECK(list_of(k_all, {expect(k_two_lists), send("* LIST () \"/\" a\r\nM2 OK x\r\nM3 NO x\r\n")}) ==
        "MRD-IMAP-004");
  CHECK(list_of(k_all, {expect(k_two_lists), send("* LIST ()\r\nM2 OK x\r\nM3 OK x\r\n")}) == "MRD-IMAP-001");
  CHECK(list_of(k_all, {expect(k_two_lists), send("* LIST () \"/\" a\r\n"), close_here()}) == "MRD-NET-003");
}

TEST_CASE("an old server is asked by LIST, LSUB and pipelined STATUS") {
  CHECK(
      list_of(
          "",
          {expect("M2 LIST \"\" \"*\"\r\nM3 LSUB \"\" \"*\"\r\n"),
           send("* LIST () \".\" INBOX\r\n* LIST (\\Noselect) \".\" top\r\n* LIST () \".\" \"top.&AOk-\"\r\n"
                "M2 OK x\r\n* LSUB () \".\" INBOX\r\n* LSUB (\\Noselect) \".\" top\r\n* LSUB () \".\" "
                "gone\r\nM3 OK x\r\n"),
           expect("M4 STATUS INBOX (UIDNEXT UIDVALIDITY MESSAGES)\r\n"
                  "M5 STATUS top.&AOk- (UIDNEXT UIDVALIDITY MESSAGES)\r\n"),
           send("* STATUS INBOX (UIDNEXT 5)\r\nM4 OK x\r\nM5 NO x\r\n")}) ==
      "INBOX sub 5;top;top.é;gone sub none;");
}

TEST_CASE("a raw name goes back to the server as it came") {
  with_session("",
               {expect("M2 LIST \"\" \"*\"\r\nM3 LSUB \"\" \"*\"\r\n"),
                send("* LIST () \"/\" a&b\r\nM2 OK x\r\nM3 OK x\r\n"), expect("M4 DELETE a&b\r\n"),
                send("M4 OK x\r\n"), expect("M5 CREATE c&-d\r\n"), send("M5 OK x\r\n"),
                expect("M6 RENAME x \"y \\\"&2D3eAA-\\\"\"\r\n"), send("M6 OK x\r\n")},
               [](imap::Session& session) -> Task<void> {
                 co_await session.list(false);
                 co_await session.remove("a&b");
                 co_await session.create("c&d");
                 co_await session.rename("x", "y \"\xF0\x9F\x98\x80\"");
               });
}

TEST_CASE("EXAMINE's own answer, what is missing left out") {
  with_session("",
               {expect("M2 EXAMINE INBOX\r\n"),
                send("* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [PERMANENTFLAGS ()] x\r\n* FLAGS "
                     "(a)\r\nM2 OK [READ-ONLY] x\r\n"),
                expect("M3 SELECT b\r\n"),
                send("* OK [CLOSED] x\r\n* 0 EXISTS\r\n* OK [UIDVALIDITY 8] x\r\n* OK [UIDNEXT 1] x\r\n* OK "
                     "[NOMODSEQ] x\r\n"
                     "* OK [PERMANENTFLAGS (\\Seen \\*)] x\r\nM3 OK [READ-WRITE] x\r\n")},
               [](imap::Session& session) -> Task<void> {
                 const auto first = co_await session.select("INBOX", true);
                 CHECK(first->exists == 3);
                 CHECK(base::raw(first->uidvalidity) == 7);
                 CHECK_FALSE(first->uidnext.has_value());
                 CHECK(first->read_only);
                 CHECK(first->permanent_flags_known);
                 CHECK_FALSE(first->keywords_allowed);
                 CHECK(session.selected() == "INBOX");
                 const auto second = co_await session.select("b", false);
                 CHECK(second->exists == 0);
                 CHECK_FALSE(second->read_only);
                 CHECK(second->keywords_allowed);
                 CHECK(second->permanent_flags.text() == "\\Seen");
               });
}

TEST_CASE("QRESYNC gives changes and vanished ones of the new folder only") {
  const std::string enable = "M2 ENABLE QRESYNC\r\n";
  with_session(
      "ENABLE QRESYNC",
      {expect(enable + "M3 EXAMINE a (QRESYNC (7 90 1:9))\r\n"),
       send(
           "* ENABLED QRESYNC\r\nM2 OK x\r\n* 1 FETCH (UID 1 FLAGS (old))\r\n* VANISHED 5\r\n* OK [CLOSED] "
           "x\r\n"
           "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [HIGHESTMODSEQ 99] x\r\n* VANISHED (EARLIER) 3:4\r\n"
           "* 1 FETCH (UID 2 FLAGS (new) MODSEQ (98))\r\nM3 OK [READ-ONLY] x\r\n")},
      [](imap::Session& session) -> Task<void> {
        const imap::QresyncPoint point{imap::UidValidity{7}, imap::ModSeq{90}, *imap::UidSet::parse("1:9")};
        const auto selected = co_await session.select("a", true, point);
        CHECK(selected->vanished.text() == "3:4");
        REQUIRE(selected->changed.size() == 1);
        CHECK(selected->changed[0].flags->text() == "new");
        CHECK(base::raw(selected->highestmodseq) == 99);
      });
  with_session(
      "ENABLE QRESYNC",
      {expect(enable + "M3 EXAMINE a (QRESYNC (7 90))\r\n"), send("* ENABLED\r\nM2 OK x\r\nM3 BAD what\r\n"),
       expect("M4 EXAMINE a (CONDSTORE)\r\n"), send("* OK [UIDVALIDITY 7] x\r\nM4 OK x\r\n")},
      [](imap::Session& session) -> Task<void> {
        const imap::QresyncPoint point{imap::UidValidity{7}, imap::ModSeq{90}, {}};
        const auto selected = co_await session.select("a", true, point);
        CHECK(selected.has_value());
      });
}

TEST_CASE("a failed EXAMINE leaves nothing selected; unselect never closes") {
  with_session("UNSELECT",
               {expect("M2 EXAMINE a\r\n"), send("* OK [UIDVALIDITY 1] x\r\nM2 OK x\r\n"),
                expect("M3 EXAMINE b\r\n"), send("M3 NO [NONEXISTENT] x\r\n"), expect("M4 EXAMINE a\r\n"),
                send("M4 OK x\r\n"), expect("M5 UNSELECT\r\n"), send("M5 OK x\r\n")},
               [](imap::Session& session) -> Task<void> {
                 co_await session.select("a", true);
                 const auto missing = co_await session.select("b", true);
                 CHECK(missing.error().code() == "MRD-IMAP-016");
                 CHECK(session.selected().empty());
                 co_await session.unselect();
                 co_await session.select("a", true);
                 co_await session.unselect();
                 CHECK(session.selected().empty());
               });
  const std::string sent =
      with_session("",
                   {expect("M2 EXAMINE a\r\n"), send("M2 OK x\r\n"),
                    expect("M3 EXAMINE mirrord.nothing-is-selected.7f3a\r\n"), send("M3 NO x\r\n")},
                   [](imap::Session& session) -> Task<void> {
                     co_await session.select("a", true);
                     co_await session.unselect();
                   });
  CHECK(sent.find("CLOSE") == std::string::npos);
}

TEST_CASE("NOTIFY events, overflow included; a quiet time leaves the session usable") {
  with_session("NOTIFY",
               {expect("M2 NOTIFY SET STATUS (personal (MessageNew MessageExpunge FlagChange MailboxName "
                       "SubscriptionChange))\r\n"),
                send("* STATUS INBOX (UIDNEXT 5)\r\nM2 OK x\r\n"),
                send("* STATUS a&AOk- (MESSAGES 2)\r\n* LIST (\\NonExistent) \"/\" gone\r\n"
                     "* NO NOTIFY error, some events may have got lost\r\n* OK [NOTIFICATIONOVERFLOW] x\r\n* "
                     "OK Still here\r\n"),
                expect("M3 NOOP\r\n"), send("M3 OK x\r\n")},
               [](imap::Session& session) -> Task<void> {
                 const auto set = co_await session.notify();
                 CHECK(set.ok());
                 std::string seen;
                 for (int i = 0; i < 20 && seen.size() < 5; ++i) {
                   const auto events = co_await session.next_events(std::chrono::milliseconds(100));
                   for (const auto& event : events)
                     seen += fmt::format("{}{};", event.folder, static_cast<int>(event.kind));
                 }
                 CHECK(seen.starts_with("INBOX0;"));
                 const auto more = co_await session.next_events(std::chrono::milliseconds(30));
                 for (const auto& event : more)
                   seen += fmt::format("{}{};", event.folder, static_cast<int>(event.kind));
                 CHECK(seen == "INBOX0;aé0;gone1;5;5;");
                 const auto none = co_await session.next_events(std::chrono::milliseconds(30));
                 CHECK(none.empty());
                 const auto noop = co_await session.noop();
                 CHECK(noop.ok());
               });
}

TEST_CASE("a list under NOTIFY is no event, but news that arrives during it is") {
  with_session("NOTIFY LIST-EXTENDED LIST-STATUS",
               {expect("M2 NOTIFY SET STATUS (personal (MessageNew MessageExpunge FlagChange MailboxName "
                       "SubscriptionChange))\r\n"),
                send("M2 OK x\r\n"),
                expect("M3 LIST \"\" \"*\" RETURN (SUBSCRIBED STATUS (UIDNEXT UIDVALIDITY MESSAGES))\r\nM4 "
                       "LIST (SUBSCRIBED) \"\" \"*\"\r\n"),
                send("* LIST () \"/\" a\r\n* STATUS a (UIDNEXT 5)\r\n* STATUS a (UIDNEXT 6)\r\nM3 OK x\r\nM4 "
                     "OK x\r\n")},
               [](imap::Session& session) -> Task<void> {
                 co_await session.notify();
                 const auto folders = co_await session.list(true);
                 CHECK(show(*folders) == "a 6;");
                 const auto events = co_await session.next_events(std::chrono::milliseconds(10));
                 REQUIRE(events.size() == 1);
                 CHECK(events[0].folder == "a");
               });
}

TEST_CASE("IDLE: plus, events, DONE") {
  with_session("IDLE",
               {expect("M2 IDLE\r\n"),
                send("+ idling\r\n* 5 EXISTS\r\n* 2 EXPUNGE\r\n* VANISHED 4\r\n* 1 FETCH (FLAGS ())\r\n"),
                expect("DONE\r\n"), send("M2 OK x\r\n"), expect("M3 IDLE\r\n"), send("M3 NO [LIMIT] x\r\n")},
               [](imap::Session& session) -> Task<void> {
                 const auto start = co_await session.idle_start();
                 CHECK(start.ok());
                 const auto events = co_await session.next_events(std::chrono::seconds(2));
                 REQUIRE(events.size() == 4);
                 CHECK(events[0].kind == WatchEvent::Kind::arrived);
                 CHECK(events[1].kind == WatchEvent::Kind::expunged);
                 CHECK(events[2].kind == WatchEvent::Kind::expunged);
                 CHECK(events[3].kind == WatchEvent::Kind::flags);
                 const auto stop = co_await session.idle_stop();
                 CHECK(stop.ok());
                 const auto refused = co_await session.idle_start();
                 CHECK(refused.code == "LIMIT");
               });
}

TEST_CASE("a watch that is hung up on throws") {
  with_session("NOTIFY", {hang()}, [](imap::Session& session) -> Task<void> {
    const auto silent = co_await code_thrown(session.notify());
    CHECK(silent == "MRD-NET-002");
  });
  with_session("IDLE", {expect("M2 IDLE\r\n"), send("+ x\r\n"), close_here()},
               [](imap::Session& session) -> Task<void> {
                 co_await session.idle_start();
                 const auto code = co_await code_thrown(session.next_events(std::chrono::seconds(2)));
                 CHECK(code == "MRD-NET-003");
                 CHECK_FALSE(session.usable());
               });
}
