// SPDX-License-Identifier: Apache-2.0
#include "cli/status_text.hpp"

#include <fmt/format.h>

namespace mirror::cli {

namespace json = boost::json;

namespace {

const json::array& rows_of(const json::object& object, std::string_view name) {
  static const json::array none;
  const json::value* value = find_member(object, name);
  return value != nullptr && value->is_array() ? value->get_array() : none;
}

std::string head(const json::object& status, const Output& output) {
  std::string out = fmt::format("state     {} since {} by {}", output.word(text_of(status, "site.state")),
                                text_of(status, "site.since"), text_of(status, "site.actor"));
  if (const auto reason = text_of(status, "site.reason"); !reason.empty())
    out += fmt::format(" ({})", reason);
  const std::int64_t rpo = number_of(status, "rpo.seconds");
  out += fmt::format("\nrpo       {}", human_seconds(rpo));
  if (const std::int64_t target = number_of(status, "rpo.target_seconds"); target > 0)
    out += fmt::format(" of {}{}", human_seconds(target), rpo > target ? " EXCEEDED" : "");
  if (const auto oldest = text_of(status, "rpo.oldest.mailbox"); !oldest.empty())
    out += fmt::format(", oldest: mailbox {} ({})", oldest, text_of(status, "rpo.oldest.cause"));
  out += fmt::format("\nmessages  {} on production, {} on DR, {} greetings, {}",
                     number_of(status, "counts.source_messages"), number_of(status, "counts.target_messages"),
                     number_of(status, "counts.greetings"), human_octets(number_of(status, "counts.octets")));
  out += fmt::format(
      "\nwork      {} dirty, {} in retry, {} quarantined, {} held, {} foreign, {} unknown; last minute {} "
      "copied, {}\n",
      number_of(status, "counts.dirty"), number_of(status, "counts.retry"),
      number_of(status, "counts.quarantined"), number_of(status, "counts.held"),
      number_of(status, "counts.foreign"), number_of(status, "counts.unknown"),
      number_of(status, "counts.copied_last_minute"),
      human_octets(number_of(status, "counts.octets_last_minute")));
  return out;
}

std::string links_text(const json::object& status) {
  static constexpr const char* k_states[] = {"in_sync", "lagging", "new", "failed", "paused", "excluded"};
  std::vector<std::vector<std::string>> table{
      {"link", "way", "mailboxes", "in_sync", "lagging", "new", "failed", "paused", "excluded"}};
  for (const auto& item : rows_of(status, "links")) {
    const auto& link = item.as_object();
    table.push_back({text_of(link, "name"), text_of(link, "source") + " -> " + text_of(link, "target"),
                     text_of(link, "mailboxes.total")});
    for (const char* state : k_states)
      table.back().push_back(text_of(link, std::string("mailboxes.") + state));
  }
  return table.size() > 1 ? "\n" + format_table(table)
                          : "\nno link yet: mirrorctl link add NAME --source STORE --target STORE\n";
}

std::string stores_text(const json::object& status) {
  std::vector<std::vector<std::string>> table{{"store", "state", "endpoint", "why"}};
  for (const auto& item : rows_of(status, "stores")) {
    const auto& store = item.as_object();
    table.push_back({text_of(store, "name"), text_of(store, "state"),
                     text_of(store, "host") + ":" + text_of(store, "port"),
                     text_of(store, "state_code") +
                         (text_of(store, "state_text").empty() ? "" : " " + text_of(store, "state_text"))});
  }
  return table.size() > 1 ? "\n" + format_table(table) : "";
}

std::string services_text(const json::object& status) {
  std::vector<std::vector<std::string>> table{{"node", "service", "state", "restarts", "error"}};
  for (const auto& item : rows_of(status, "nodes")) {
    const auto& node = item.as_object();
    const bool alive = text_of(node, "alive") == "yes";
    for (const auto& entry : rows_of(node, "services")) {
      const auto& service = entry.as_object();
      table.push_back({text_of(node, "id"), text_of(service, "name"),
                       alive ? text_of(service, "state") : "node silent", text_of(service, "restarts"),
                       text_of(service, "error")});
    }
  }
  return table.size() > 1 ? "\n" + format_table(table) : "";
}

std::string runs_text(const json::object& status) {
  std::vector<std::vector<std::string>> table{{"run", "kind", "state", "done", "eta"}};
  for (const auto& item : rows_of(status, "runs")) {
    const auto& run = item.as_object();
    const std::int64_t eta = number_of(run, "eta_seconds");
    table.push_back({text_of(run, "id"), text_of(run, "kind"), text_of(run, "state"),
                     fmt::format("{}/{}", number_of(run, "done"), number_of(run, "total")),
                     eta > 0 ? human_seconds(eta) : ""});
  }
  return table.size() > 1 ? "\n" + format_table(table) : "";
}

std::string events_text(const json::object& status) {
  std::string out;
  std::string store;
  for (const auto& item : rows_of(status, "events")) {
    const auto& row = item.as_object();
    if (text_of(row, "store") != store) {
      store = text_of(row, "store");
      out += fmt::format("\nevents    {}:", store);
    }
    const bool impact = text_of(row, "impact") == "yes";
    out += fmt::format(" {} {}{}", text_of(row, "kind"), text_of(row, "count"),
                       impact || text_of(row, "kind") == "login" ? "" : " (no impact)");
  }
  return out.empty() ? out : out + "\n";
}

std::string problems_text(const json::object& status) {
  std::string out;
  for (const auto& item : rows_of(status, "problems")) {
    const auto& problem = item.as_object();
    out += fmt::format("\n{} {}", text_of(problem, "kind"), text_of(problem, "object"));
    if (const std::int64_t count = number_of(problem, "count"); count > 1)
      out += fmt::format(" ({} times)", count);
    out += fmt::format(": {} {}", text_of(problem, "code"), text_of(problem, "what"));
    if (const auto text = text_of(problem, "text"); !text.empty())
      out += fmt::format("\n  why:        {}", text);
    if (const auto next = text_of(problem, "next_step"); !next.empty())
      out += fmt::format("\n  what to do: {}", next);
    out += "\n";
  }
  return out;
}

}  // namespace

std::string format_status(const json::object& status, const Output& output) {
  return head(status, output) + links_text(status) + stores_text(status) + services_text(status) +
         runs_text(status) + events_text(status) + problems_text(status);
}

}  // namespace mirror::cli
