// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>

#include "base/failure.hpp"
#include "cli/command.hpp"
#include "cli/exit_codes.hpp"
#include "cli/run_wait.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

void print_event(Invocation& invocation, const json::object& event) {
  if (invocation.out.is_json()) {
    invocation.out.line(json::serialize(event));  // one line each, flushed
    return;
  }
  std::string line =
      fmt::format("{}  {}  {}", text_of(event, "id"), text_of(event, "time"), text_of(event, "type"));
  for (const char* member : {"store", "mailbox", "run", "actor"})
    if (const auto text = text_of(event, member); !text.empty()) line += fmt::format("  {}={}", member, text);
  if (const auto data = text_of(event, "data"); data != "{}") line += "  " + data;
  invocation.out.line(line);
}

constexpr int k_refused = 4000;  // the close code for a query that is wrong

// Goes on after a lost connection from the last id seen; a gap is said aloud.
int follow(Invocation& invocation) {
  std::string after = invocation.text("after");
  int pause = 500;
  for (;;) {
    const std::string target = with_query(
        "/api/v1/events/stream",
        {{"after", after}, {"types", invocation.text("type")}, {"mailbox", invocation.text("mailbox")}});
    http::Client::Closed closed;
    try {
      closed = invocation.client().follow(target, [&](const std::string& frame) {
        const json::object event = json::parse(frame).as_object();
        const std::string type = text_of(event, "type");
        pause = 500;
        if (type == "hello") {
          if (after.empty()) after = text_of(event, "head_id");
          invocation.out.note(fmt::format("following from event {}", after));
        } else if (type == "gap") {
          invocation.out.note(fmt::format("gap: events after {} up to {} are gone", text_of(event, "after"),
                                          text_of(event, "oldest_id")));
        } else {
          after = text_of(event, "id");
          print_event(invocation, event);
        }
        return true;
      });
    } catch (const base::Failed& failed) {
      if (pause == 500 && after.empty())
        throw Ended(k_unreachable, failed.what(), std::string(failed.failure().next_step()));
    }
    if (closed.code == k_refused) throw Ended(k_usage, closed.reason);  // asked again it says the same
    pause_or_detach(pause, "");
    pause = std::min(pause * 2, 30'000);
  }
}

int events(Invocation& invocation) {
  if (invocation.has("follow")) return follow(invocation);
  std::string after = invocation.text("after", "0");
  const std::int64_t limit = invocation.number("limit", 1'000'000);
  std::int64_t printed = 0;
  for (;;) {
    const std::int64_t want = std::min<std::int64_t>(limit - printed, 1000);
    if (want <= 0) return k_ok;
    const json::object page =
        invocation.get(with_query("/api/v1/events", {{"after", after},
                                                     {"limit", std::to_string(want)},
                                                     {"types", invocation.text("type")},
                                                     {"mailbox", invocation.text("mailbox")}}));
    const auto& items = page.at("items").as_array();
    for (const auto& item : items) print_event(invocation, item.as_object());
    printed += static_cast<std::int64_t>(items.size());
    if (static_cast<std::int64_t>(items.size()) < want) return k_ok;
    after = text_of(page, "next_after");
  }
}

}  // namespace

void add_event_commands(Commands& commands) {
  commands.push_back({{"events"},
                      "the durable event log",
                      {},
                      {{"follow", "go on as they happen", "", false},
                       {"after", "events after that id", "ID", false},
                       {"type", "masks, comma separated: message.*,state.changed", "LIST", false},
                       {"mailbox", "only this one", "NAME", false},
                       {"limit", "at most N", "N", false}},
                      events});
}

}  // namespace mirror::cli
