// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <set>

#include "cli/command.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/status_text.hpp"

using namespace mirror;
namespace json = boost::json;

TEST_CASE("a table aligns by characters and leaves no blanks at the end") {
  CHECK(cli::format_table({{"a", "bb"}, {"\xC3\xA4\xC3\xB6", "c"}, {"x", ""}}) ==
        "a   bb\n\xC3\xA4\xC3\xB6  c\nx\n");
}

TEST_CASE("what a server said cannot drive the terminal") {
  const auto row = json::parse("{\"t\":\"a\\u001b[2Jb\\n\"}").as_object();
  CHECK(cli::text_of(row, "t") == "a\\x1b[2Jb\\x0a");
}

TEST_CASE("members are found by path, absent ones are empty") {
  const auto row = json::parse(R"({"a":{"b":{"c":7}},"n":null,"t":true})").as_object();
  CHECK(cli::text_of(row, "a.b.c") == "7");
  CHECK(cli::number_of(row, "a.b.c") == 7);
  CHECK(cli::text_of(row, "a.x.c").empty());
  CHECK(cli::text_of(row, "n").empty());
  CHECK(cli::text_of(row, "t") == "yes");
}

TEST_CASE("sizes and times are for people") {
  CHECK(cli::human_octets(1023) == "1023 B");
  CHECK(cli::human_octets(1536) == "1.5 KiB");
  CHECK(cli::human_seconds(59) == "59 s");
  CHECK(cli::human_seconds(3720) == "1 h 2 min");
}

TEST_CASE("every kind of answer has its exit code") {
  CHECK(cli::exit_code_of(200, "") == 0);
  CHECK(cli::exit_code_of(422, "MRD-HTTP-001") == 2);
  CHECK(cli::exit_code_of(422, "MRD-CONF-001") == 78);
  CHECK(cli::exit_code_of(409, "MRD-HTTP-003") == 3);
  CHECK(cli::exit_code_of(409, "MRD-HTTP-006") == 1);
  CHECK(cli::exit_code_of(404, "MRD-HTTP-002") == 4);
  CHECK(cli::exit_code_of(403, "MRD-HTTP-004") == 77);
  CHECK(cli::exit_code_of(503, "MRD-DB-001") == 75);
  CHECK(cli::exit_code_of(500, "MRD-BASE-002") == 1);
}

TEST_CASE("a misspelt verb is explained at the word that is wrong") {
  const auto commands = cli::all_commands();
  CHECK(cli::explain_unknown(commands, {"stauts"}).find("did you mean \"status\"?") != std::string::npos);
  CHECK(cli::explain_unknown(commands, {"store", "lst"}).find("did you mean \"store list\"?") !=
        std::string::npos);
  CHECK(cli::explain_unknown(commands, {"qqqqqq"}) == "\"qqqqqq\" is not a verb");
  CHECK(cli::explain_unknown(commands, {"verify", "anything"}).empty());
  CHECK(cli::explain_unknown(commands, {"store", "show", "x"}).empty());
}

TEST_CASE("no two commands share their words and every one says what it does") {
  std::set<std::vector<std::string>> seen;
  for (const auto& command : cli::all_commands()) {
    CHECK(seen.insert(command.words).second);
    CHECK(!command.help.empty());
    CHECK(command.run != nullptr);
    for (const auto& option : command.options)  // a secret is never an option's value
      CHECK((option.name == "secret-file" || option.value_name == "true|false" ||
             option.name.find("password") == std::string::npos));
  }
}

TEST_CASE("a query is encoded and leaves out what is empty") {
  CHECK(cli::with_query("/x", {{"mask", "*@d"}, {"link", ""}, {"a", "b&c"}}) == "/x?mask=%2A%40d&a=b%26c");
}

TEST_CASE("status says which, why and what to do, and colours only when asked") {
  const auto status =
      json::parse(
          R"({"site":{"state":"mirroring","since":"2024-01-01T00:00:00.000Z","actor":"unix:root","reason":""},
    "rpo":{"seconds":600,"target_seconds":300,"oldest":{"mailbox":"1001","cause":"idle"}},"counts":{"dirty":2},
    "links":[{"name":"main","source":"p","target":"d","mailboxes":{"total":3,"in_sync":2,"failed":1}}],"stores":[],"nodes":[],"runs":[],
    "events":[{"store":"p","kind":"login","impact":false,"count":"unknown"}],
    "problems":[{"kind":"mailbox","object":"1001","count":1,"code":"MRD-IMAP-011","what":"refused","text":"NO locked","next_step":"look there"}]})")
          .as_object();
  const std::string plain = cli::format_status(status, cli::Output({}));
  CHECK(plain.find("10 min 0 s of 5 min 0 s EXCEEDED, oldest: mailbox 1001 (idle)") != std::string::npos);
  CHECK(
      plain.find("mailbox 1001: MRD-IMAP-011 refused\n  why:        NO locked\n  what to do: look there\n") !=
      std::string::npos);
  CHECK(plain.find("login unknown") != std::string::npos);
  CHECK(plain.find('\x1b') == std::string::npos);
  cli::OutputSettings coloured;
  coloured.colour = true;
  CHECK(cli::format_status(status, cli::Output(coloured)).find("\x1b[32mmirroring\x1b[0m") !=
        std::string::npos);
}
