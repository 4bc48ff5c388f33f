// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/exit_codes.hpp"
#include "cli/run_report.hpp"
#include "http/message.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

json::object run_body(const Invocation& invocation, const char* kind) {
  json::object body{{"kind", kind}, {"mask", invocation.text("mask", "*")}};
  for (const char* member : {"link", "reason"})
    if (invocation.has(member)) body[member] = invocation.text(member);
  if (invocation.has("deep")) body["deep"] = true;
  if (invocation.has("dry-run")) body["dry_run"] = true;
  return body;
}

int resync(Invocation& invocation) {
  if (!invocation.has("mask") && !invocation.has("all")) throw Ended(k_usage, "name a mask, or --all");
  if (invocation.has("mask") && invocation.has("all")) throw Ended(k_usage, "a mask or --all, not both");
  return run_and_report(invocation, run_body(invocation, "resync"), invocation.has("wait"));
}

int verify(Invocation& invocation) {
  return run_and_report(invocation, run_body(invocation, "verify"), invocation.has("wait"));
}

int list_runs(Invocation& invocation) {
  const json::object answer =
      invocation.get(with_query("/api/v1/runs", {{"kind", invocation.text("kind")},
                                                 {"state", invocation.text("state")},
                                                 {"limit", invocation.text("limit")}}));
  invocation.out.rows(answer.at("items").as_array(),
                      {{"run", "id"},
                       {"kind", "kind"},
                       {"state", "state"},
                       {"mask", "mask"},
                       {"done", "done"},
                       {"total", "total"},
                       {"differ", "differing"},
                       {"failed", "failed"},
                       {"by", "requested_by"},
                       {"created", "created_at"},
                       {"finished", "finished_at"}},
                      "mirrorctl.runs/1");
  return k_ok;
}

int show_run(Invocation& invocation) {
  const std::string path = "/api/v1/runs/" + http::percent_encode(invocation.text("id"));
  invocation.out.object(invocation.get(path), "mirrorctl.run/1");
  if (!invocation.out.is_json()) {
    const json::object rows = invocation.get(path + "/mailboxes?limit=1000");
    invocation.out.rows(
        rows.at("items").as_array(),
        {{"mailbox", "mailbox"}, {"state", "state"}, {"finished", "finished_at"}, {"error", "error_code"}},
        "mirrorctl.run-mailboxes/1");
  }
  return k_ok;
}

int run_log(Invocation& invocation) {
  const json::object answer =
      invocation.get("/api/v1/runs/" + http::percent_encode(invocation.text("id")) + "/log");
  invocation.out.rows(answer.at("items").as_array(),
                      {{"at", "at"},
                       {"mailbox", "mailbox"},
                       {"folder", "folder"},
                       {"kind", "kind"},
                       {"before", "before"},
                       {"after", "after"},
                       {"reason", "reason"}},
                      "mirrorctl.run-log/1");
  return k_ok;
}

int cancel_run(Invocation& invocation) {
  json::object run =
      invocation.call("POST", "/api/v1/runs/" + http::percent_encode(invocation.text("id")) + "/cancel");
  invocation.out.object(run, "mirrorctl.run/1");
  return k_ok;
}

int estimate(Invocation& invocation) {
  json::object answer = invocation.get(with_query("/api/v1/estimate", {{"link", invocation.text("link")}}));
  if (invocation.out.is_json()) {
    invocation.out.json(std::move(answer), "mirrorctl.estimate/1");
    return k_ok;
  }
  invocation.out.line(fmt::format("{} mailboxes, {} messages, {}", number_of(answer, "mailboxes"),
                                  number_of(answer, "messages"), human_octets(number_of(answer, "octets"))));
  invocation.out.line(fmt::format("as voice: {} minutes of G.711 or {} minutes of GSM",
                                  number_of(answer, "g711_minutes"), number_of(answer, "gsm_minutes")));
  const std::int64_t rate = number_of(answer, "octets_per_second");
  invocation.out.line(rate > 0 ? fmt::format("at the measured {}/s: {}", human_octets(rate),
                                             human_seconds(number_of(answer, "seconds_at_measured_rate")))
                               : std::string("no rate measured yet"));
  if (const std::int64_t unseen = number_of(answer, "unseen_mailboxes"); unseen > 0)
    invocation.out.note(
        fmt::format("{} mailboxes have not been looked at yet and are not in these figures", unseen));
  return k_ok;
}

int report(Invocation& invocation) {
  const json::object answer = invocation.get(with_query(
      "/api/v1/reports", {{"kind", invocation.text("kind")}, {"limit", invocation.text("limit")}}));
  invocation.out.rows(answer.at("items").as_array(),
                      {{"report", "id"}, {"at", "at"}, {"kind", "kind"}, {"run", "run"}, {"body", "body"}},
                      "mirrorctl.reports/1");
  return k_ok;
}

}  // namespace

void add_run_commands(Commands& commands) {
  const Argument mask{"mask", "shell-like: 1*, *@example.org", false};
  const Argument id{"id", "the run's id", true};
  const Option wait{"wait", "until it has ended", "", false};
  const Option link{"link", "only this link", "LINK", false};
  const Option limit{"limit", "at most N rows", "N", false};
  const Option kind{"kind", "only this kind", "WORD", false};
  const Option reason{"reason", "why", "TEXT", false};
  commands.push_back({{"resync"},
                      "make DR equal to production",
                      {mask},
                      {{"all", "every participating mailbox", "", false},
                       wait,
                       {"dry-run", "say what would be done", "", false},
                       link,
                       reason},
                      resync});
  commands.push_back({{"verify"},
                      "compare both sides as they answer now; changes nothing",
                      {mask},
                      {{"deep", "digests of every body too", "", false}, wait, link, reason},
                      verify});
  commands.push_back({{"run", "list"},
                      "long work, newest first",
                      {},
                      {kind, {"state", "queued, running, done, failed, cancelled", "WORD", false}, limit},
                      list_runs});
  commands.push_back({{"run", "show"}, "one run and its mailboxes", {id}, {}, show_run});
  commands.push_back({{"run", "log"}, "what a run changed", {id}, {}, run_log});
  commands.push_back({{"run", "cancel"}, "ask a run to stop", {id}, {}, cancel_run});
  commands.push_back({{"estimate"}, "what a first copy would move, and how long", {}, {link}, estimate});
  commands.push_back({{"report"}, "reports of the periodic compares", {}, {kind, limit}, report});
}

}  // namespace mirror::cli
