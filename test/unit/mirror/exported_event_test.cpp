// SPDX-License-Identifier: Apache-2.0
// The texts are what Dovecot 2.3.19 posted, shortened by fields nobody reads.
#include <catch2/catch.hpp>

#include "mirror/push_source.hpp"

using mirror::engine::parse_exported_event;

namespace {

std::string command(const std::string& name, const std::string& rest) {
  return R"({"event":"imap_command_finished","hostname":"vm","categories":["imap"],"fields":{"user":"1001","cmd_name":")" +
         name + R"(",)" + rest + R"("tagged_reply_state":"OK"}})";
}

}  // namespace

TEST_CASE("a login is counted and causes no work", "[push]") {
  const auto event = parse_exported_event(
      R"({"event":"auth_request_finished","fields":{"duration":112,"success":"yes","mechanism":"PLAIN","original_user":"filler",)"
      R"("user":"1001","translated_user":"1001","login_user":"","master_user":"filler"}})");
  REQUIRE(event);
  CHECK(event->user == "1001");
  CHECK(event->kind == "login");
  CHECK(event->login == "filler");
  CHECK_FALSE(event->impact);
}

TEST_CASE("a refused password is no login", "[push]") {
  const auto event = parse_exported_event(
      R"({"event":"auth_request_finished","fields":{"policy_result":"ok","original_user":"filler","user":"filler","login_user":"1001"}})");
  REQUIRE(event);
  CHECK(event->kind == "other");
  CHECK_FALSE(event->impact);
}

TEST_CASE("commands are told apart by what they change", "[push]") {
  struct Row {
    const char *name, *kind;
    bool impact;
  };
  for (const Row& row :
       {Row{"APPEND", "deposit", true}, Row{"STORE", "flag", true}, Row{"UID STORE", "flag", true},
        Row{"EXPUNGE", "deletion", true}, Row{"UID EXPUNGE", "deletion", true}, Row{"COPY", "deposit", true},
        Row{"UID MOVE", "deposit", true}, Row{"CREATE", "folder", true}, Row{"RENAME", "folder", true},
        Row{"DELETE", "folder", true}, Row{"SUBSCRIBE", "folder", true}, Row{"FETCH", "other", false},
        Row{"UID SEARCH", "other", false}, Row{"EXAMINE", "other", false}}) {
    const auto event = parse_exported_event(command(row.name, R"("mailbox":"INBOX",)"));
    REQUIRE(event);
    CAPTURE(row.name);
    CHECK(event->kind == row.kind);
    CHECK(event->impact == row.impact);
    CHECK(event->user == "1001");
  }
}

TEST_CASE("the folders an event names tell a greeting", "[push]") {
  auto event = parse_exported_event(
      command("APPEND", R"("cmd_args":"\"Greetings a\" <21 byte literal>","mailbox":"Greetings a",)"));
  REQUIRE(event);
  CHECK(event->folders == std::vector<std::string>{"Greetings a"});
  event = parse_exported_event(command("COPY", R"("cmd_args":"1 \"Greetings a\"","mailbox":"INBOX",)"));
  REQUIRE(event);
  CHECK(event->folders == std::vector<std::string>{"Greetings a", "INBOX"});
  event = parse_exported_event(command("UID MOVE", R"("cmd_args":"1:3 \"a \\\"b\\\" c\"",)"));
  REQUIRE(event);
  CHECK(event->folders == std::vector<std::string>{"a \"b\" c"});
  event = parse_exported_event(command("COPY", R"("cmd_args":"1 Trash",)"));
  REQUIRE(event);
  CHECK(event->folders == std::vector<std::string>{"Trash"});
}

TEST_CASE("a delivery is a deposit and an unknown event is counted", "[push]") {
  auto event = parse_exported_event(R"({"event":"mail_delivery_finished","fields":{"user":"1001"}})");
  REQUIRE(event);
  CHECK(event->kind == "deposit");
  CHECK(event->impact);
  event = parse_exported_event(R"({"event":"mail_user_session_finished","fields":{"user":"1001"}})");
  REQUIRE(event);
  CHECK(event->kind == "other");
  CHECK_FALSE(event->impact);
}

TEST_CASE("what is no event is refused", "[push]") {
  for (const char* text :
       {"", "x", "[]", "{}", R"({"event":"x"})", R"({"event":"x","fields":[]})", R"({"fields":{}})",
        R"({"event":7,"fields":{}})", R"({"event":"imap_command_finished","fields":{"user":)"})
    CHECK_FALSE(parse_exported_event(text));
  // Wrong types inside are read as missing.
  const auto event = parse_exported_event(
      R"({"event":"imap_command_finished","fields":{"user":1,"cmd_name":null,"mailbox":{}}})");
  REQUIRE(event);
  CHECK(event->user.empty());
  CHECK(event->kind == "other");
  // Deeper than any event is.
  CHECK_FALSE(parse_exported_event(R"({"event":"x","fields":)" + std::string(5000, '[') +
                                   std::string(5000, ']') + "}"));
}
