// SPDX-License-Identifier: Apache-2.0
#include "wire/imap_fixture.hpp"

using namespace mirror;
using namespace mirror::test;
using imap::Access;
using imap::Cap;
using imap::LoginMethod;
using net::Task;

namespace {

struct Outcome {
  std::string code;  // of the Failure or Failed; empty: logged in
  bool threw = false;
  std::string server_problem;
  std::string received;
};

Task<void> try_open(std::unique_ptr<net::Stream> stream, Access access, Outcome* out) {
  try {
    const auto session =
        co_await imap::open_on(std::move(access), std::move(stream), "alice", base::SecretText("own"));
    if (session.has_error()) out->code = std::string(session.error().code());
  } catch (const base::Failed& failed) {
    out->code = std::string(failed.failure().code());
    out->threw = true;
  }
}

Outcome open_with(std::vector<Step> script, Access access = test_access()) {
  Outcome out;
  Client client = [&](std::unique_ptr<net::Stream> stream) {
    return try_open(std::move(stream), access, &out);
  };
  const auto server = run(converse(std::move(script), client));
  out.server_problem = server->problem;
  out.received = server->received;
  CHECK(out.server_problem == "");
  return out;
}

const std::string k_greeting = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n";
const std::string k_plain_login = std::string("M1 AUTHENTICATE PLAIN ") + k_alice + "\r\n";

}  // namespace

TEST_CASE("a server that does not greet is left after the limit") {
  const auto out = open_with({hang()});
  CHECK(out.code == "MRD-IMAP-009");
}

TEST_CASE("a login that hangs ends with a time-out") {
  const auto out = open_with({send(k_greeting), expect(k_plain_login), hang()});
  CHECK(out.code == "MRD-NET-002");
  CHECK(out.threw);
}

TEST_CASE("a refused login is a value, not an exception") {
  const auto out =
      open_with({send(k_greeting), expect(k_plain_login), send("M1 NO [AUTHENTICATIONFAILED] no\r\n")});
  CHECK(out.code == "MRD-IMAP-010");
  CHECK_FALSE(out.threw);
}

TEST_CASE("greetings that are none") {
  CHECK(open_with({send("* BYE too busy\r\n"), close_here()}).code == "MRD-IMAP-002");
  CHECK(open_with({send("* PREAUTH welcome root\r\n")}).code == "MRD-IMAP-008");
  CHECK(open_with({send("SSH-2.0-OpenSSH_9.2\r\n")}).code == "MRD-IMAP-001");
  CHECK(open_with({close_here()}).code == "MRD-NET-003");
  CHECK(open_with({send("* OK half a gre"), close_here()}).code == "MRD-NET-003");
}

TEST_CASE("BYE during the login says why") {
  const auto busy =
      open_with({send(k_greeting), expect(k_plain_login),
                 send("* BYE Maximum number of connections from user+IP exceeded\r\n"), close_here()});
  CHECK(busy.code == "MRD-IMAP-029");
  CHECK_FALSE(busy.threw);
  const auto plain =
      open_with({send(k_greeting), expect(k_plain_login), send("* BYE bye\r\n"), close_here()});
  CHECK(plain.code == "MRD-IMAP-002");
}

TEST_CASE("without SASL-IR the message waits for the plus, and capabilities are asked for") {
  const auto out = open_with(
      {send("* OK hello\r\n"), expect("M1 CAPABILITY\r\n"),
       send("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nM1 OK done\r\n"), expect("M2 AUTHENTICATE PLAIN\r\n"),
       send("+ \r\n"), expect(std::string(k_alice) + "\r\n"), send("M2 OK in\r\n"),
       expect("M3 CAPABILITY\r\n"), send("* CAPABILITY IMAP4rev1 IDLE\r\nM3 OK done\r\n")});
  CHECK(out.code == "");
}

TEST_CASE("each login method sends its own words") {
  Access access = test_access();
  access.method = LoginMethod::master_user;
  CHECK(open_with({send("* OK [CAPABILITY IMAP4rev1] x\r\n"), expect("M1 LOGIN \"alice*mirror\" secret\r\n"),
                   send("M1 OK [CAPABILITY IMAP4rev1] in\r\n")},
                  access)
            .code == "");
  access.method = LoginMethod::own_password;
  CHECK(open_with({send("* OK [CAPABILITY IMAP4rev1] x\r\n"), expect("M1 LOGIN alice own\r\n"),
                   send("M1 NO [AUTHENTICATIONFAILED] x\r\n")},
                  access)
            .code == "MRD-IMAP-037");
  CHECK(open_with({send("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] x\r\n")}, access).code == "MRD-IMAP-008");
  access.method = LoginMethod::external;
  CHECK(open_with(
            {send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=EXTERNAL] x\r\n"),
             expect("M1 AUTHENTICATE EXTERNAL YWxpY2U=\r\n"), send("M1 OK [CAPABILITY IMAP4rev1] in\r\n")},
            access)
            .code == "");
  CHECK(open_with({send(k_greeting)}, access).code == "MRD-IMAP-008");
  access.method = LoginMethod::scram_sha_256;
  CHECK(open_with({send(k_greeting)}, access).code == "MRD-IMAP-008");
}

TEST_CASE("a SCRAM server that skips its proof is not believed") {
  Access access = test_access();
  access.method = LoginMethod::scram_sha_256;
  const auto out = open_with({send("* OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256] x\r\n"),
                              expect("M1 AUTHENTICATE SCRAM-SHA-256\r\n"), send("M1 OK in\r\n")},
                             access);
  CHECK(out.code != "");
}

TEST_CASE("STARTTLS comes before anything else and forgets what was said in clear") {
  Access access = test_access();
  access.endpoint.tls = net::TlsMode::starttls;
  CHECK(open_with(
            {send(k_greeting), expect("M1 STARTTLS\r\n"), send("M1 OK go\r\n"), expect("M2 CAPABILITY\r\n"),
             send("* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\nM2 OK x\r\n"),
             expect(std::string("M3 AUTHENTICATE PLAIN ") + k_alice + "\r\n"),
             send("M3 OK [CAPABILITY IMAP4rev1] in\r\n")},
            access)
            .code == "");
  CHECK(open_with({send(k_greeting), expect("M1 STARTTLS\r\n"), send("M1 BAD unknown\r\n")}, access).code ==
        "MRD-NET-006");
  const auto injected = open_with({send(k_greeting), expect("M1 STARTTLS\r\n"),
                                   send("M1 OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n")},
                                  access);
  CHECK(injected.code == "MRD-IMAP-001");
  CHECK(injected.received == "M1 STARTTLS\r\n");
}

TEST_CASE("ENABLE rides with the next command and hidden capabilities are not used") {
  with_session(
      "ENABLE QRESYNC IDLE",
      {expect("M2 ENABLE QRESYNC\r\nM3 NOOP\r\n"), send("* ENABLED QRESYNC\r\nM2 OK x\r\nM3 OK x\r\n")},
      [](imap::Session& session) -> Task<void> {
        CHECK(session.has(Cap::qresync));
        const auto reply = co_await session.noop();
        CHECK(reply.ok());
        CHECK(session.has(Cap::qresync));
        CHECK(session.round_trips() == 3);  // greeting, login, this
      });
  with_session("ENABLE QRESYNC",
               {expect("M2 ENABLE QRESYNC\r\nM3 NOOP\r\n"), send("* ENABLED\r\nM2 OK x\r\nM3 OK x\r\n")},
               [](imap::Session& session) -> Task<void> {
                 co_await session.noop();
                 CHECK_FALSE(session.has(Cap::qresync));
               });
  Access access = test_access();
  access.hidden = {Cap::qresync, Cap::condstore, Cap::idle};
  with_session(
      "ENABLE QRESYNC IDLE", {expect("M2 NOOP\r\n"), send("M2 OK x\r\n")},
      [](imap::Session& session) -> Task<void> {
        CHECK_FALSE(session.has(Cap::qresync));
        CHECK(session.offers(Cap::idle));
        CHECK_FALSE(session.has(Cap::idle));
        co_await session.noop();
      },
      access);
}

TEST_CASE("a reply to a tag never sent, and a BYE, end the session") {
  for (const auto& [line, code] : {std::pair<std::string, std::string>{"M9 OK what\r\n", "MRD-IMAP-001"},
                                   {"* BYE shutting down\r\n", "MRD-IMAP-002"},
                                   {"+ go on\r\n", "MRD-IMAP-001"},
                                   {"* LIST (\r\n", "MRD-IMAP-001"}}) {
    const std::string expected = code;
    with_session("", {expect("M2 NOOP\r\n"), send(line)}, [expected](imap::Session& session) -> Task<void> {
      const auto thrown = co_await code_thrown(session.noop());
      CHECK(thrown == expected);
      CHECK_FALSE(session.usable());
      const auto again = co_await code_thrown(session.noop());
      CHECK(again == "MRD-NET-003");
    });
  }
}

TEST_CASE("logout is polite, bounded and never throws") {
  const auto use = [](imap::Session& session) -> Task<void> {
    co_await session.logout();
    CHECK_FALSE(session.usable());
  };
  with_session("", {expect("M2 LOGOUT\r\n"), send("* BYE bye\r\nM2 OK done\r\n")}, use);
  with_session("", {expect("M2 LOGOUT\r\n"), hang()}, use);
  with_session("", {expect("M2 LOGOUT\r\n"), close_here()}, use);
}
