// SPDX-License-Identifier: Apache-2.0
#include "cli/run_report.hpp"

#include <fmt/format.h>

#include "cli/exit_codes.hpp"
#include "cli/run_wait.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

constexpr int k_page = 1000;

// Every row that is not simply equal.
json::array remarkable_mailboxes(Invocation& invocation, const std::string& id, std::int64_t& equal,
                                 std::int64_t& rows_seen) {
  json::array out;
  for (int offset = 0;; offset += k_page) {
    const json::object page =
        invocation.get(fmt::format("/api/v1/runs/{}/mailboxes?offset={}&limit={}", id, offset, k_page));
    const auto& items = page.at("items").as_array();
    for (const auto& item : items) {
      ++rows_seen;
      const std::string state = text_of(item.as_object(), "state");
      if (state == "equal")
        ++equal;
      else if (state != "done")  // looked at without a comparison: a dry run, an estimate
        out.push_back(item);
    }
    if (items.size() < k_page) return out;
  }
}

void print_mailbox(Invocation& invocation, const json::object& row) {
  std::string line =
      fmt::format("{}  {}", invocation.out.word(text_of(row, "state")), text_of(row, "mailbox"));
  if (text_of(row, "state") == "failed")
    line += fmt::format("  {} {}", text_of(row, "error_code"), text_of(row, "error_text"));
  invocation.out.line(line);
  const json::value* differences = find_member(row, "detail.differences");
  if (differences == nullptr || !differences->is_array()) return;
  for (const auto& item : differences->get_array()) {
    const auto& one = item.as_object();
    std::string where = text_of(one, "folder");
    if (const auto uid = text_of(one, "source_uid"); !uid.empty() && uid != "0") where += " uid " + uid;
    if (const auto uid = text_of(one, "target_uid"); !uid.empty() && uid != "0")
      where += " (DR uid " + uid + ")";
    invocation.out.line(fmt::format("  {}  {}  {}", text_of(one, "kind"), where, text_of(one, "text")));
  }
}

int exit_of(const json::object& run, const json::array& rows, std::int64_t equal, std::int64_t rows_seen) {
  bool differs = number_of(run, "differing") > 0, failed = number_of(run, "failed") > 0;
  for (const auto& item : rows) {
    const std::string state = text_of(item.as_object(), "state");
    failed = failed || state == "failed";
    // "waiting" or "skipped" at the end: nobody compared it, so nobody may call it equal.
    differs = differs || state == "differs" || state == "waiting" || state == "skipped";
  }
  if (text_of(run, "state") != "done") return k_failed;
  if (text_of(run, "dry_run") == "yes") return failed ? k_partly : k_ok;
  // Where no mailbox participates nothing was compared, and nothing may be called equal.
  if (rows_seen == 0) return k_differs;
  if (text_of(run, "kind") == "verify") return failed ? k_partly : differs ? k_differs : k_ok;
  return failed || differs || equal < rows_seen ? k_differs : k_ok;
}

}  // namespace

int run_and_report(Invocation& invocation, const json::object& body, bool wait) {
  json::object run = invocation.call("POST", "/api/v1/runs", &body);
  const std::string id = text_of(run, "id");
  if (!wait) {
    if (invocation.out.is_json())
      invocation.out.json(std::move(run), "mirrorctl.run/1");
    else
      invocation.out.line(
          fmt::format("run {}: {} of {} mailboxes", id, text_of(run, "kind"), number_of(run, "total")));
    invocation.out.next("mirrorctl run show " + id);
    return k_ok;
  }
  run = wait_for_run(invocation, id);
  std::int64_t equal = 0, rows_seen = 0;
  const json::array rows = remarkable_mailboxes(invocation, id, equal, rows_seen);
  const int code = exit_of(run, rows, equal, rows_seen);
  if (invocation.out.is_json()) {
    run["mailboxes"] = rows;
    run["equal"] = equal;
    invocation.out.json(std::move(run), "mirrorctl.run/1");
    return code;
  }
  for (const auto& row : rows) print_mailbox(invocation, row.as_object());
  invocation.out.line(fmt::format("run {} {}: {} of {} mailboxes equal, {} differ, {} failed", id,
                                  text_of(run, "state"), equal, rows_seen, number_of(run, "differing"),
                                  number_of(run, "failed")));
  if (text_of(run, "dry_run") == "yes")
    if (const auto* result = run.if_contains("result"); result != nullptr && result->is_object())
      for (const auto& [key, value] : result->get_object())
        invocation.out.line(
            fmt::format("  {}: {}", std::string_view(key.data(), key.size()), json::serialize(value)));
  if (rows_seen == 0) invocation.out.note("no mailbox takes part: nothing was compared");
  if (code != k_ok) invocation.out.next("mirrorctl status");
  return code;
}

}  // namespace mirror::cli
