// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <sstream>

#include "cli/command.hpp"
#include "cli/exit_codes.hpp"
#include "cli/run_report.hpp"
#include "http/message.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

std::string path_of(const Invocation& invocation) {
  return "/api/v1/mailboxes/" + http::percent_encode(invocation.text("name"));
}

// One word for both stores of the link; empty where neither asks for an owner's own password.
std::string password_word(const json::object& mailbox) {
  const std::string source = text_of(mailbox, "source_password_set");
  const std::string target = text_of(mailbox, "target_password_set");
  if (source == "no" || target == "no") return "missing";
  return source == "yes" || target == "yes" ? "set" : "";
}

int list(Invocation& invocation) {
  json::array rows;
  const std::int64_t wanted = invocation.number("limit", 1'000'000);
  std::int64_t offset = invocation.number("offset", 0);
  std::int64_t total = 0;
  for (;;) {
    const std::int64_t left = wanted - static_cast<std::int64_t>(rows.size());
    if (left <= 0) break;
    const json::object page = invocation.get(
        with_query("/api/v1/mailboxes", {{"mask", invocation.text("mask")},
                                         {"status", invocation.text("status")},
                                         {"link", invocation.text("link")},
                                         {"sort", invocation.text("sort")},
                                         {"offset", std::to_string(offset)},
                                         {"limit", std::to_string(std::min<std::int64_t>(left, 200))}}));
    const auto& items = page.at("items").as_array();
    total = number_of(page, "total");
    if (items.empty()) break;
    for (const auto& item : items) rows.push_back(item);
    offset += static_cast<std::int64_t>(items.size());
    if (offset >= total) break;
  }
  if (!invocation.out.is_json())
    for (auto& row : rows) row.as_object()["password"] = password_word(row.as_object());
  invocation.out.rows(rows,
                      {{"mailbox", "name"},
                       {"link", "link"},
                       {"status", "status"},
                       {"lag_s", "lag_seconds"},
                       {"source", "source_messages"},
                       {"target", "target_messages"},
                       {"greetings", "greetings"},
                       {"quarantined", "quarantined"},
                       {"watch", "watch_method"},
                       {"error", "error_code"},
                       {"password", "password"}},
                      "mirrorctl.mailboxes/1");
  invocation.out.note(fmt::format("{} of {}", rows.size(), total));
  return k_ok;
}

int show(Invocation& invocation) {
  const json::object mailbox =
      invocation.get(with_query(path_of(invocation), {{"link", invocation.text("link")}}));
  invocation.out.object(mailbox, "mirrorctl.mailbox/1");
  if (!invocation.out.is_json())
    invocation.out.rows(mailbox.at("folders").as_array(),
                        {{"folder", "source_name"},
                         {"on DR", "target_name"},
                         {"state", "state"},
                         {"source", "source_exists"},
                         {"target", "target_exists"},
                         {"mapped", "mapped"},
                         {"foreign", "foreign"},
                         {"unknown", "unknown"},
                         {"greetings", "greeting_messages"}},
                        "mirrorctl.folders/1");
  return k_ok;
}

int history(Invocation& invocation) {
  const json::object answer =
      invocation.get(with_query(path_of(invocation) + "/history", {{"link", invocation.text("link")},
                                                                   {"after", invocation.text("after")},
                                                                   {"limit", invocation.text("limit")}}));
  invocation.out.rows(answer.at("items").as_array(),
                      {{"id", "id"},
                       {"at", "at"},
                       {"folder", "folder"},
                       {"kind", "kind"},
                       {"source_uid", "source_uid"},
                       {"target_uid", "target_uid"},
                       {"before", "before"},
                       {"after", "after"},
                       {"run", "run"},
                       {"reason", "reason"}},
                      "mirrorctl.history/1");
  return k_ok;
}

// A name as a mask that matches it alone.
std::string exactly(const std::string& name) {
  std::string out;
  for (const char c : name)
    out += c == '*' || c == '?' || c == '[' ? fmt::format("[{}]", c) : std::string(1, c);
  return out;
}

int diff(Invocation& invocation) {
  const json::object body{{"kind", "verify"},
                          {"mask", exactly(invocation.text("name"))},
                          {"link", invocation.text("link")},
                          {"deep", invocation.has("deep")},
                          {"reason", "mailbox diff"}};
  return run_and_report(invocation, body, true);
}

int participate(Invocation& invocation, const char* action) {
  const json::object body{
      {"action", action}, {"mask", invocation.text("mask")}, {"link", invocation.text("link")}};
  json::object answer = invocation.call("POST", "/api/v1/participation", &body);
  if (invocation.out.is_json())
    invocation.out.json(std::move(answer), "mirrorctl.participation/1");
  else
    invocation.out.line(fmt::format("{} match, {} changed; {} of {} take part", number_of(answer, "matching"),
                                    number_of(answer, "changed"), number_of(answer, "participating"),
                                    number_of(answer, "mailboxes")));
  invocation.out.next("mirrorctl mailbox list");
  return k_ok;
}

int include(Invocation& invocation) {
  return participate(invocation, "include");
}
int exclude(Invocation& invocation) {
  return participate(invocation, "exclude");
}

int send_mailboxes(Invocation& invocation, json::array mailboxes, const char* origin) {
  const json::object body{
      {"link", invocation.text("link")}, {"origin", origin}, {"mailboxes", std::move(mailboxes)}};
  json::object answer = invocation.call("POST", "/api/v1/mailboxes", &body);
  if (invocation.out.is_json())
    invocation.out.json(std::move(answer), "mirrorctl.mailbox-import/1");
  else
    invocation.out.line(
        fmt::format("{} added, {} were there", number_of(answer, "added"), number_of(answer, "present")));
  invocation.out.next("mirrorctl status --watch 2");
  return k_ok;
}

int add(Invocation& invocation) {
  json::object mailbox{{"name", invocation.text("name")}};
  if (invocation.has("target-name")) mailbox["target_name"] = invocation.text("target-name");
  return send_mailboxes(invocation, json::array{mailbox}, "added");
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// One mailbox a line, "NAME" or "NAME,TARGET_NAME" (or a tab between); # begins a comment line.
int import_file(Invocation& invocation) {
  std::istringstream lines(read_input(invocation.text("file")));
  json::array mailboxes;
  std::string line;
  while (std::getline(lines, line)) {
    line = trimmed(line);
    if (line.empty() || line[0] == '#') continue;
    const std::size_t separator = line.find_first_of(",\t");
    json::object mailbox{{"name", trimmed(line.substr(0, separator))}};
    if (separator != std::string::npos) mailbox["target_name"] = trimmed(line.substr(separator + 1));
    mailboxes.push_back(std::move(mailbox));
  }
  if (mailboxes.empty()) throw Ended(k_usage, "the file names no mailbox");
  return send_mailboxes(invocation, std::move(mailboxes), "import");
}

}  // namespace

void add_mailbox_commands(Commands& commands) {
  const Argument name{"name", "the owner on the source store", true};
  const Argument mask{"mask", "shell-like: 1*, *@example.org", true};
  const Option link{"link", "needed where there are several", "LINK", false};
  const Option limit{"limit", "at most N rows", "N", false};
  commands.push_back(
      {{"mailbox", "list"},
       "mailboxes and how they stand",
       {{"mask", "shell-like", false}},
       {link,
        {"status", "new, in_sync, lagging, failed, excluded, paused", "WORD", false},
        {"sort", "name, status, lag, messages, octets; - before it turns it round", "WORD", false},
        limit,
        {"offset", "skip N rows", "N", false}},
       list});
  commands.push_back({{"mailbox", "show"}, "one mailbox with its folders", {name}, {link}, show});
  commands.push_back({{"mailbox", "history"},
                      "every change made on DR",
                      {name},
                      {link, limit, {"after", "rows older than that id", "ID", false}},
                      history});
  commands.push_back({{"mailbox", "diff"},
                      "compare both sides now",
                      {name},
                      {link, {"deep", "bodies too", "", false}},
                      diff});
  commands.push_back({{"mailbox", "include"}, "let mailboxes take part", {mask}, {link}, include});
  commands.push_back(
      {{"mailbox", "exclude"}, "leave mailboxes alone on both sides", {mask}, {link}, exclude});
  commands.push_back({{"mailbox", "add"},
                      "add one mailbox",
                      {name},
                      {link, {"target-name", "the owner on the target store", "NAME", false}},
                      add});
  commands.push_back({{"mailbox", "import"},
                      "add mailboxes from a file: NAME or NAME,TARGET a line",
                      {{"file", "- is standard input", true}},
                      {link},
                      import_file});
}

}  // namespace mirror::cli
