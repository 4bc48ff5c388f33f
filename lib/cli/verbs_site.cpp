// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "cli/command.hpp"
#include "cli/exit_codes.hpp"
#include "cli/run_wait.hpp"
#include "cli/status_text.hpp"
#include "http/message.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

int status(Invocation& invocation) {
  const bool watch = invocation.has("watch");
  const std::int64_t seconds = invocation.number("watch", 2);
  if (watch && seconds < 1) throw Ended(k_usage, "--watch takes seconds, 1 or more");
  const bool terminal = ::isatty(STDOUT_FILENO) != 0 && !invocation.out.is_json();
  for (;;) {
    json::object answer = invocation.get("/api/v1/status");
    if (invocation.out.is_json()) {
      invocation.out.json(std::move(answer), "mirrorctl.status/1");
    } else {
      const std::string text = format_status(answer, invocation.out);
      if (watch && terminal) std::fputs("\x1b[H\x1b[2J", stdout);
      std::fputs(text.c_str(), stdout);
      std::fflush(stdout);
    }
    if (!watch) return k_ok;
    try {
      pause_or_detach(static_cast<int>(seconds * 1000), "");
    } catch (const Ended&) {
      return k_ok;  // Ctrl-C is how one leaves
    }
  }
}

json::object put_state(Invocation& invocation, const std::string& state) {
  const json::object body{{"state", state}, {"reason", invocation.text("reason")}};
  return invocation.call("PUT", "/api/v1/state", &body);
}

json::object wait_for_state(Invocation& invocation, const std::string& wanted, json::object site) {
  const std::int64_t limit = invocation.number("timeout", 60) * 1000;
  for (std::int64_t waited = 0; text_of(site, "state") != wanted; waited += 200) {
    if (waited >= limit)
      throw Ended(
          k_try_again,
          fmt::format("still {} after {} s: a node has not acknowledged", text_of(site, "state"),
                      limit / 1000),
          "mirrorctl status names the nodes; a silent one counts as suspended 15 s after its last sign");
    pause_or_detach(200, "detached; the change goes on. mirrorctl status");
    site = invocation.get("/api/v1/state");
  }
  return site;
}

int suspend(Invocation& invocation) {
  json::object site = put_state(invocation, "suspended");
  if (invocation.has("wait")) site = wait_for_state(invocation, "suspended", std::move(site));
  if (invocation.out.is_json())
    invocation.out.json(std::move(site), "mirrorctl.state/1");
  else
    invocation.out.line(fmt::format("{} since {} ({})", text_of(site, "state"), text_of(site, "since"),
                                    text_of(site, "reason")));
  invocation.out.next("mirrorctl resume");
  return k_ok;
}

int resume(Invocation& invocation) {
  json::object site = put_state(invocation, "mirroring");
  const std::string run = text_of(site, "full_review_run");
  if (!invocation.out.is_json())
    invocation.out.line(run.empty()
                            ? std::string("mirroring")
                            : fmt::format("mirroring; every mailbox is compared in full by run {}", run));
  if (invocation.has("wait") && !run.empty()) {
    json::object ended = wait_for_run(invocation, run);
    if (!invocation.out.is_json())
      invocation.out.line(fmt::format("run {} {}: {} of {} compared, {} failed", run, text_of(ended, "state"),
                                      number_of(ended, "done"), number_of(ended, "total"),
                                      number_of(ended, "failed")));
    if (text_of(ended, "state") != "done" || number_of(ended, "failed") > 0) return k_partly;
  }
  if (invocation.out.is_json()) invocation.out.json(std::move(site), "mirrorctl.state/1");
  invocation.out.next(run.empty() ? "mirrorctl status" : "mirrorctl run show " + run);
  return k_ok;
}

int list_services(Invocation& invocation) {
  const json::object answer = invocation.get("/api/v1/services");
  json::array rows;
  for (const auto& item : answer.at("items").as_array())
    for (const auto& entry : item.as_object().at("services").as_array()) {
      json::object row = entry.as_object();
      row["node"] = text_of(item.as_object(), "id");
      row["alive"] = text_of(item.as_object(), "alive") == "yes";
      rows.push_back(std::move(row));
    }
  invocation.out.rows(rows,
                      {{"node", "node"},
                       {"service", "name"},
                       {"state", "state"},
                       {"restarts", "restarts"},
                       {"since", "since"},
                       {"error", "error"}},
                      "mirrorctl.services/1");
  return k_ok;
}

int restart_service(Invocation& invocation) {
  json::object answer = invocation.call(
      "POST", "/api/v1/services/" + http::percent_encode(invocation.text("name")) + "/restart");
  invocation.out.object(answer, "mirrorctl.service/1");
  invocation.out.next("mirrorctl service list");
  return k_ok;
}

}  // namespace

void add_site_commands(Commands& commands) {
  const Option reason{"reason", "why; kept in the audit", "TEXT", true};
  const Option wait{"wait", "until it is in effect", "", false};
  const Option timeout{"timeout", "for --wait, in seconds (60)", "N", false};
  commands.push_back({{"status"},
                      "the state, the lag, what is wrong",
                      {},
                      {{"watch", "again every N seconds (2)", "[N]", false}},
                      status});
  commands.push_back({{"suspend"}, "stop all mirroring", {}, {reason, wait, timeout}, suspend});
  commands.push_back({{"resume"},
                      "back to mirroring, with a full review",
                      {},
                      {{"reason", "why; kept in the audit", "TEXT", false}, wait},
                      resume});
  commands.push_back({{"service", "list"}, "what runs where", {}, {}, list_services});
  commands.push_back({{"service", "restart"},
                      "restart one service on every node",
                      {{"name", "watch, reconcile, http ...", true}},
                      {},
                      restart_service});
}

}  // namespace mirror::cli
