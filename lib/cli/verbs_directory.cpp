// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/directory_text.hpp"
#include "cli/exit_codes.hpp"
#include "cli/field_options.hpp"
#include "cli/run_wait.hpp"
#include "http/message.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t k_page = 1000;
const char* const k_plans = "/api/v1/directory/plans";

void put_text(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

int status(Invocation& invocation) {
  json::object answer = invocation.get(with_query("/api/v1/directory", {{"link", invocation.text("link")}}));
  if (invocation.out.is_json()) {
    invocation.out.json(std::move(answer), "mirrorctl.directory/1");
    return k_ok;
  }
  const auto& items = answer.at("items").as_array();
  for (const auto& item : items) put_text(format_directory_link(item.as_object()));
  if (!items.empty()) return k_ok;
  invocation.out.note("no link mirrors a directory");
  invocation.out.next("mirrorctl directory link set LINK");
  return k_ok;
}

json::object start_run(Invocation& invocation, json::object body) {
  for (const char* const member : {"link", "reason"})
    if (invocation.has(member)) body[member] = invocation.text(member);
  return invocation.call("POST", "/api/v1/directory/runs", &body);
}

// What the run read, or was told to apply; empty: it ended before it had one.
json::object plan_of(Invocation& invocation, const json::object& run) {
  if (const std::string named = text_of(run, "options.plan"); !named.empty())
    return invocation.get(fmt::format("{}/{}", k_plans, named));
  const json::object plans =
      invocation.get(with_query(k_plans, {{"link", text_of(run, "link")}, {"limit", "20"}}));
  for (const auto& plan : plans.at("items").as_array())
    if (text_of(plan.as_object(), "run") == text_of(run, "id")) return plan.as_object();
  return {};
}

// "" when the run ended as it should and left a plan, else what came of it.
std::string failure_of(const json::object& run, const json::object& plan) {
  if (text_of(run, "state") == "done" && !plan.empty()) return "";
  const auto* result = run.if_contains("result");
  return fmt::format("run {} {}: {}", text_of(run, "id"), text_of(run, "state"),
                     result == nullptr ? std::string() : visible(json::serialize(*result)));
}

// Why a plan is not all there is to say.
void print_doubts(Invocation& invocation, const json::object& plan) {
  if (const std::string why = text_of(plan, "incomplete"); !why.empty())
    invocation.out.line("not read completely: " + why);
  if (const std::string why = text_of(plan, "guard"); !why.empty()) {
    const std::string who = text_of(plan, "guard_released_by");
    invocation.out.line("guard: " + why + (who.empty() ? "" : " (released by " + who + ")"));
  }
}

int run_to_end(Invocation& invocation, json::object body) {
  json::object run = start_run(invocation, std::move(body));
  const std::string id = text_of(run, "id");
  if (invocation.has("no-wait")) {
    if (invocation.out.is_json())
      invocation.out.json(std::move(run), "mirrorctl.directory-run/1");
    else
      invocation.out.line(fmt::format("run {}: directory of {}", id, text_of(run, "link")));
    invocation.out.next("mirrorctl run show " + id);
    return k_ok;
  }
  run = wait_for_run(invocation, id);
  const json::object plan = plan_of(invocation, run);
  const std::string failure = failure_of(run, plan);
  const int code = !failure.empty() ? k_failed : is_settled(plan) ? k_ok : k_differs;
  if (invocation.out.is_json()) {
    run["plan"] = plan.empty() ? json::value() : json::value(plan);
    invocation.out.json(std::move(run), "mirrorctl.directory-run/1");
    return code;
  }
  if (!failure.empty()) invocation.out.line(failure);
  if (!plan.empty()) {
    invocation.out.line(fmt::format("run {} {}, plan {}: {}", id, text_of(run, "state"), text_of(plan, "id"),
                                    format_counts(plan)));
    print_doubts(invocation, plan);
  }
  if (code != k_ok) invocation.out.next("mirrorctl directory status " + text_of(run, "link"));
  return code;
}

int run(Invocation& invocation) {
  return run_to_end(invocation, {{"apply", true}});
}

int apply(Invocation& invocation) {
  json::object body{{"apply", true}, {"plan", invocation.text("plan")}};
  if (!invocation.has("plan"))
    body["plan"] = text_of(
        invocation.get(with_query(fmt::format("{}/newest", k_plans), {{"link", invocation.text("link")}})),
        "id");
  if (invocation.has("only")) body["only"] = json::value_from(split_list(invocation.text("only")));
  if (invocation.has("allow-mass-delete")) body["allow_mass_delete"] = true;
  return run_to_end(invocation, std::move(body));
}

json::array all_changes(Invocation& invocation, const std::string& plan) {
  json::array out;
  for (std::string after;;) {
    const json::object page = invocation.get(
        with_query(fmt::format("{}/{}/changes", k_plans, plan), {{"limit", "1000"}, {"after", after}}));
    const auto& items = page.at("items").as_array();
    out.insert(out.end(), items.begin(), items.end());
    if (items.size() < k_page) return out;
    after = text_of(items.back().as_object(), "id");
  }
}

int plan(Invocation& invocation) {
  const json::object started = start_run(invocation, {{"apply", false}});
  const json::object ended = wait_for_run(invocation, text_of(started, "id"));
  const json::object found = plan_of(invocation, ended);
  if (const std::string failure = failure_of(ended, found); !failure.empty())
    throw Ended(k_failed, failure, "mirrorctl directory status");
  const json::array changes = all_changes(invocation, text_of(found, "id"));
  // Where a side was not read to its end, nobody may say that nothing differs.
  const int code = changes.empty() && text_of(found, "incomplete").empty() ? k_ok : k_differs;
  if (invocation.out.settings().format == Format::ndjson) {
    invocation.out.rows(changes, {}, "");
  } else if (invocation.out.is_json()) {
    invocation.out.json(json::object{{"plan", found}, {"items", changes}}, "mirrorctl.directory-plan/1");
  } else {
    for (const auto& change : changes) put_text(format_change(change.as_object()));
    invocation.out.line(fmt::format("plan {}: {}", text_of(found, "id"), format_counts(found)));
    print_doubts(invocation, found);
    if (!changes.empty())
      invocation.out.next(fmt::format("mirrorctl directory apply --plan {} --link {}", text_of(found, "id"),
                                      text_of(found, "link")));
  }
  return code;
}

void print_history(Invocation& invocation, const json::array& rows) {
  invocation.out.rows(rows,
                      {{"id", "id"},
                       {"at", "at"},
                       {"kind", "kind"},
                       {"number", "key"},
                       {"entry", "target_dn"},
                       {"new name", "new_dn"},
                       {"drift", "drift"},
                       {"before", "before"},
                       {"after", "after"},
                       {"run", "run"},
                       {"reason", "reason"}},
                      "mirrorctl.directory-history/1");
}

int show(Invocation& invocation) {
  json::object answer = invocation.get(
      with_query("/api/v1/directory/entries/" + http::percent_encode(invocation.text("number")),
                 {{"link", invocation.text("link")}}));
  if (invocation.out.is_json()) {
    invocation.out.json(std::move(answer), "mirrorctl.directory-entry/1");
    return k_ok;
  }
  if (answer.at("pair").is_object())
    invocation.out.object(answer.at("pair").as_object(), "");
  else
    invocation.out.line("no partner is known on both sides");
  for (const auto& change : answer.at("changes").as_array()) put_text(format_change(change.as_object()));
  if (!answer.at("history").as_array().empty()) print_history(invocation, answer.at("history").as_array());
  return k_ok;
}

int history(Invocation& invocation) {
  const json::object answer =
      invocation.get(with_query("/api/v1/directory/history", {{"link", invocation.text("link")},
                                                              {"key", invocation.text("number")},
                                                              {"limit", invocation.text("limit")}}));
  print_history(invocation, answer.at("items").as_array());
  return k_ok;
}

}  // namespace

void add_directory_commands(Commands& commands) {
  const Option link{"link", "needed where there are several", "LINK", false};
  const Option reason{"reason", "why; kept in the audit and the history", "TEXT", false};
  const Option no_wait{"no-wait", "do not wait for its end", "", false};
  const Argument number{"number", "the entry's key, its mailbox number", true};
  commands.push_back({{"directory", "status"},
                      "how each link's directory stands, and what is wrong",
                      {{"link", "only this one", false}},
                      {},
                      status});
  commands.push_back({{"directory", "run"},
                      "read both directories, compare them, apply what differs",
                      {},
                      {link, reason, no_wait},
                      run});
  commands.push_back(
      {{"directory", "plan"}, "read and compare, show what would change; changes nothing", {}, {link}, plan});
  commands.push_back({{"directory", "show"},
                      "one entry: its partner, what differs, what was changed",
                      {number},
                      {link},
                      show});
  commands.push_back(
      {{"directory", "apply"},
       "apply the newest plan, or what it holds back",
       {},
       {{"plan", "this one; the newest alone is applied", "ID", false},
        {"only", "add, modify, rename, disable, delete", "A,B", false},
        {"allow-mass-delete", "deletions that the guard holds, too; needs --reason", "", false},
        reason,
        link,
        no_wait},
       apply});
  commands.push_back({{"directory", "history"},
                      "every change made on DR's directory",
                      {{"number", "of this entry", false}},
                      {link, {"limit", "at most N rows", "N", false}},
                      history});
}

}  // namespace mirror::cli
