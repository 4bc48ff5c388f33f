// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/exit_codes.hpp"
#include "http/message.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

std::string path_of(const Invocation& invocation) {
  return "/api/v1/guard/" + http::percent_encode(invocation.text("mailbox"));
}

int list(Invocation& invocation) {
  const json::object answer =
      invocation.get(with_query("/api/v1/guard", {{"mailbox", invocation.text("mask")}}));
  invocation.out.rows(answer.at("items").as_array(),
                      {{"mailbox", "mailbox"},
                       {"folder", "folder"},
                       {"deletions", "deletions"},
                       {"since", "since"},
                       {"due", "due"},
                       {"scope", "scope"},
                       {"reason", "reason"}},
                      "mirrorctl.guard/1");
  if (answer.at("items").as_array().empty()) return k_ok;
  invocation.out.note(fmt::format("{} deletions are held", number_of(answer, "deletions")));
  invocation.out.next("mirrorctl guard show MAILBOX");
  return k_ok;
}

int show(Invocation& invocation) {
  const json::object answer = invocation.get(with_query(
      path_of(invocation), {{"link", invocation.text("link")}, {"limit", invocation.text("limit")}}));
  invocation.out.rows(answer.at("items").as_array(),
                      {{"folder", "folder"},
                       {"source uid", "source_uid"},
                       {"target uid", "target_uid"},
                       {"size", "size"},
                       {"received", "internaldate"},
                       {"since", "since"},
                       {"due", "due"}},
                      "mirrorctl.guard-mailbox/1");
  const auto total = number_of(answer, "total");
  const auto shown = static_cast<std::int64_t>(answer.at("items").as_array().size());
  if (shown < total) invocation.out.note(fmt::format("{} of {} are shown; --limit shows more", shown, total));
  if (total > 0)
    invocation.out.next(fmt::format("mirrorctl guard release {} --expected {} --reason TEXT",
                                    invocation.text("mailbox"), total));
  return k_ok;
}

int release(Invocation& invocation) {
  json::object body{{"reason", invocation.text("reason")}};
  for (const char* const name : {"link", "folder"})
    if (const auto text = invocation.text(name); !text.empty()) body[name] = text;
  if (const auto uid = invocation.number("uid", 0); uid != 0) body["source_uid"] = uid;
  if (const auto expected = invocation.number("expected", 0); expected != 0) body["expected"] = expected;
  const json::object answer = invocation.call("POST", path_of(invocation) + "/release", &body);
  invocation.out.object(answer, "mirrorctl.guard-release/1");
  invocation.out.next("mirrorctl guard list");
  return k_ok;
}

}  // namespace

void add_guard_commands(Commands& commands) {
  const Argument mailbox{"mailbox", "its name", true}, mailboxes{"mailbox", "its name, or a mask", true};
  const Option link{"link", "where two links have it", "LINK", false};
  commands.push_back({{"guard", "list"},
                      "deletions that wait for an operator",
                      {{"mask", "of mailboxes", false}},
                      {},
                      list});
  commands.push_back({{"guard", "show"},
                      "the held deletions of a mailbox, pair by pair",
                      {mailbox},
                      {link, {"limit", "at most N rows", "N", false}},
                      show});
  commands.push_back({{"guard", "release"},
                      "let them go: what production still lacks is deleted on DR",
                      {mailboxes},
                      {{"reason", "why", "TEXT", true},
                       {"folder", "only this folder", "NAME", false},
                       {"uid", "only this message of the folder", "UID", false},
                       {"expected", "refuse when there are others than N; a mask needs it", "N", false},
                       link},
                      release});
}

}  // namespace mirror::cli
