// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/exit_codes.hpp"
#include "http/message.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

std::string path_of(const Invocation& invocation) {
  return "/api/v1/quarantine/" + http::percent_encode(invocation.text("id"));
}

int list(Invocation& invocation) {
  const json::object answer = invocation.get(with_query(
      "/api/v1/quarantine", {{"mailbox", invocation.text("mask")}, {"code", invocation.text("code")}}));
  invocation.out.rows(answer.at("items").as_array(),
                      {{"id", "id"},
                       {"mailbox", "mailbox"},
                       {"folder", "folder"},
                       {"kind", "kind"},
                       {"uid", "source_uid"},
                       {"code", "code"},
                       {"what", "what"},
                       {"server", "server_text"},
                       {"attempts", "attempts"},
                       {"retry", "retry_at"}},
                      "mirrorctl.quarantine/1");
  if (!answer.at("items").as_array().empty()) invocation.out.next("mirrorctl quarantine show ID");
  return k_ok;
}

int show(Invocation& invocation) {
  invocation.out.object(invocation.get(path_of(invocation)), "mirrorctl.quarantine-row/1");
  return k_ok;
}

int retry(Invocation& invocation) {
  json::object answer = invocation.call("POST", path_of(invocation) + "/retry");
  invocation.out.object(answer, "mirrorctl.quarantine-retry/1");
  invocation.out.next("mirrorctl quarantine list");
  return k_ok;
}

int drop(Invocation& invocation) {
  invocation.out.object(invocation.call("DELETE", path_of(invocation)), "mirrorctl.quarantine-row/1");
  return k_ok;
}

}  // namespace

void add_quarantine_commands(Commands& commands) {
  const Argument id{"id", "the row's id", true};
  commands.push_back({{"quarantine", "list"},
                      "what a server refuses, alters or does not keep",
                      {{"mask", "of mailboxes", false}},
                      {{"code", "only this code", "CODE", false}},
                      list});
  commands.push_back({{"quarantine", "show"}, "one row: wanted, got, the server's words", {id}, {}, show});
  commands.push_back({{"quarantine", "retry"}, "try again now; all: every row", {id}, {}, retry});
  commands.push_back(
      {{"quarantine", "drop"}, "forget a row: what DR lacks is sent once more", {id}, {}, drop});
}

}  // namespace mirror::cli
