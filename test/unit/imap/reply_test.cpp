// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "imap/capabilities.hpp"
#include "imap/response_code.hpp"

using namespace mirror::imap;
using mirror::base::raw;
using mirror::base::Retry;
using mirror::base::Scope;

namespace {

Reply no(std::string_view text) {
  Reply reply = parse_reply_text(text);
  reply.status = Reply::Status::no;
  return reply;
}

}  // namespace

TEST_CASE("response codes are split off, brackets in keywords and texts notwithstanding") {
  const auto expect = [](std::string_view text, std::string_view code, std::string_view arguments,
                         std::string_view words) {
    const Reply reply = parse_reply_text(text);
    CAPTURE(text);
    CHECK(reply.code == code);
    CHECK(reply.code_text == arguments);
    CHECK(reply.text == words);
  };
  expect("[appenduid 38505 3955:3957] done", "APPENDUID", "38505 3955:3957", "done");
  expect("[PERMANENTFLAGS (\\Seen a]b \\*)] Limited]", "PERMANENTFLAGS", "(\\Seen a]b \\*)", "Limited]");
  expect("[READ-ONLY]no space", "READ-ONLY", "", "no space");
  expect("[ALERT", "", "", "[ALERT");
  expect("[X \"]\"] y", "X", "\"]\"", "y");
  expect("[X \"unclosed] y", "X", "\"unclosed", "y");
  expect("no code [here]", "", "", "no code [here]");
  expect("", "", "", "");
  CHECK(parse_reply_text(std::string(5000, 'x')).text.size() == 500);
}

TEST_CASE("APPENDUID is believed only when whole") {
  const auto good = append_uid(parse_reply_text("[APPENDUID 7 10:12] ok"));
  REQUIRE(good.has_value());
  CHECK(raw(good->uidvalidity) == 7);
  CHECK(good->uids.text() == "10:12");
  for (const auto* bad : {"[APPENDUID 7] x", "[APPENDUID 0 1] x", "[APPENDUID 7 *] x", "[APPENDUID 7 0] x",
                          "[COPYUID 7 1 1] x", "x"})
    CHECK_FALSE(append_uid(parse_reply_text(bad)).has_value());
  CHECK_FALSE(append_uid(no("[APPENDUID 7 1] x")).has_value());
}

TEST_CASE("a refusal gets code, scope and retry class by its response code") {
  struct Row {
    const char* text;
    const char* command;
    const char* id;
    Scope scope;
    Retry retry;
  };
  const Row rows[] = {
      {"[INUSE] x", "SELECT", "MRD-IMAP-018", Scope::mailbox, Retry::later},
      {"[THROTTLED] x", "APPEND", "MRD-IMAP-019", Scope::store, Retry::later},
      {"[UNAVAILABLE] x", "LIST", "MRD-IMAP-020", Scope::mailbox, Retry::later},
      {"[SERVERBUG] x", "APPEND", "MRD-IMAP-024", Scope::mailbox, Retry::later},
      {"[OVERQUOTA] x", "APPEND", "MRD-IMAP-013", Scope::mailbox, Retry::later},
      {"[LIMIT] x", "CREATE", "MRD-IMAP-026", Scope::mailbox, Retry::later},
      {"[NOPERM] x", "APPEND", "MRD-IMAP-012", Scope::mailbox, Retry::later},
      {"[TOOBIG] x", "APPEND", "MRD-IMAP-014", Scope::message, Retry::never},
      {"[CANNOT] x", "APPEND", "MRD-IMAP-015", Scope::message, Retry::never},
      {"[CANNOT] x", "CREATE", "MRD-IMAP-021", Scope::folder, Retry::never},
      {"[TRYCREATE] x", "APPEND", "MRD-IMAP-017", Scope::folder, Retry::now},
      {"[NONEXISTENT] x", "SELECT", "MRD-IMAP-016", Scope::folder, Retry::now},
      {"[ALREADYEXISTS] x", "CREATE", "MRD-IMAP-023", Scope::folder, Retry::now},
      {"Request is throttled. Suggested Backoff Time: 299961 milliseconds", "SELECT", "MRD-IMAP-019",
       Scope::store, Retry::later},
      {"Message contains NUL characters", "APPEND", "MRD-IMAP-015", Scope::message, Retry::later},
      {"Invalid mailbox name", "CREATE", "MRD-IMAP-021", Scope::folder, Retry::later},
      {"Mailbox is broken", "EXAMINE", "MRD-IMAP-025", Scope::folder, Retry::later},
      {"[XFUTURE] x", "UID STORE", "MRD-IMAP-004", Scope::folder, Retry::later},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto failure = failure_of(no(row.text), row.command, "Folder");
    CHECK(failure.code() == row.id);
    CHECK(failure.scope() == row.scope);
    CHECK(failure.retry() == row.retry);
    CHECK(failure.detail().find("Folder") != std::string::npos);
  }
  Reply bad = parse_reply_text("syntax");
  bad.status = Reply::Status::bad;
  CHECK(failure_of(bad, "UID FETCH", "x").code() == "MRD-IMAP-003");
}

TEST_CASE("a refused login says whose fault it is") {
  CHECK(login_failure(no("[AUTHENTICATIONFAILED] x"), "a", false).code() == "MRD-IMAP-010");
  CHECK(login_failure(no("bad password"), "a", false).code() == "MRD-IMAP-010");
  CHECK(login_failure(no("[AUTHENTICATIONFAILED] x"), "a", true).code() == "MRD-IMAP-037");
  CHECK(login_failure(no("[AUTHORIZATIONFAILED] x"), "a", false).code() == "MRD-IMAP-011");
  CHECK(login_failure(no("[UNAVAILABLE] x"), "a", false).code() == "MRD-IMAP-032");
  CHECK(login_failure(no("[EXPIRED] x"), "a", false).code() == "MRD-IMAP-030");
  CHECK(login_failure(no("Maximum number of connections from user+IP exceeded"), "a", false).code() ==
        "MRD-IMAP-029");
}

TEST_CASE("a failure names the store that said no") {
  auto reply = no("no");
  reply.store = "dr";
  CHECK(failure_of(reply, "APPEND", "INBOX").detail().starts_with("dr: APPEND INBOX: NO"));
}

TEST_CASE("a BYE that wants a pause is told as one") {
  CHECK(failure_of_bye(no("Too many. Suggested Backoff Time: 5000 milliseconds"), "dr").code() ==
        "MRD-IMAP-019");
  CHECK(failure_of_bye(no("[THROTTLED] later"), "dr").code() == "MRD-IMAP-019");
  CHECK(failure_of_bye(no("Logging out"), "dr").code() == "MRD-IMAP-002");
  CHECK(failure_of_bye(no("Logging out"), "dr").detail() == "dr: Logging out");
}

TEST_CASE("Exchange's back-off hint is read") {
  CHECK(suggested_backoff("Suggested Backoff Time: 5000 milliseconds") == std::chrono::milliseconds(5000));
  CHECK_FALSE(suggested_backoff("Suggested Backoff Time: soon").has_value());
}

TEST_CASE("capabilities are read without case, with their arguments") {
  const auto caps = Capabilities::parse(
      "imap4rev1 IDLE literal+ auth=plain AUTH=SCRAM-SHA-256 APPENDLIMIT=35651584 QRESYNC XNEW");
  CHECK(caps.offers(Cap::idle));
  CHECK(caps.offers(Cap::literal_plus));
  CHECK(caps.offers(Cap::auth_plain));
  CHECK(caps.offers(Cap::auth_scram_sha_256));
  CHECK(caps.offers(Cap::condstore));  // by QRESYNC
  CHECK_FALSE(caps.offers(Cap::notify));
  CHECK_FALSE(caps.offers(Cap::uidplus));
  CHECK(caps.append_limit() == 35651584u);
  CHECK_FALSE(Capabilities::parse("APPENDLIMIT").append_limit().has_value());
  CHECK(Capabilities::parse("APPENDLIMIT").offers(Cap::appendlimit));
  CHECK(Capabilities::parse("IMAP4rev2").offers(Cap::uidplus));
  CHECK_FALSE(Capabilities::parse("IMAP4rev1 IMAP4rev2").offers(Cap::uidplus));
  CHECK_FALSE(Capabilities().known());
}
