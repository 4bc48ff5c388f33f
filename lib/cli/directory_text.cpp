// SPDX-License-Identifier: Apache-2.0
#include "cli/directory_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/output.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

const json::array& list_of(const json::object& item, std::string_view member) {
  static const json::array none;
  const auto* value = item.if_contains(member);
  return value != nullptr && value->is_array() ? value->get_array() : none;
}

bool flag_of(const json::object& item, std::string_view member) {
  const auto* value = item.if_contains(member);
  return value != nullptr && value->is_bool() && value->get_bool();
}

char sign_of(std::string_view kind) {
  if (kind == "add") return '+';
  if (kind == "modify") return '~';
  if (kind == "rename") return '>';
  if (kind == "disable") return '!';
  return '-';
}

std::string shown(const json::value& value) {
  if (!value.is_string()) return visible(json::serialize(value));
  return visible(std::string_view(value.get_string().data(), value.get_string().size()));
}

std::string octets_text(const json::array& values) {
  if (values.empty()) return "none";
  std::string out;
  for (const auto& item : values) {
    const auto* object = item.if_object();
    if (object == nullptr) continue;
    std::string size = human_octets(number_of(*object, "octets"));
    if (const auto zero = size.find(".0 "); zero != std::string::npos) size.erase(zero, 2);
    out += fmt::format("{}{} sha256 {}..", out.empty() ? "" : ", ", size,
                       text_of(*object, "sha256").substr(0, 4));
  }
  return out;
}

bool holds(const json::array& values, const json::value& wanted) {
  return std::find(values.begin(), values.end(), wanted) != values.end();
}

// Values on both sides are no change; where the order alone differs, all are shown.
std::string value_lines(const std::string& name, const json::array& before, const json::array& after) {
  std::string out;
  for (const bool all : {false, true}) {
    for (const auto& value : before)
      if (all || !holds(after, value)) out += fmt::format("    - {}: {}\n", name, shown(value));
    for (const auto& value : after)
      if (all || !holds(before, value)) out += fmt::format("    + {}: {}\n", name, shown(value));
    if (!out.empty()) break;
  }
  return out;
}

std::string format_attribute(const json::object& item) {
  std::string name = text_of(item, "name");
  if (name.empty()) name = text_of(item, "attribute");
  const std::string kind = text_of(item, "kind");
  std::string out;
  if (kind == "password")
    out = fmt::format("    {}: differs\n", name);
  else if (kind == "binary")
    out = fmt::format("    {}: {} -> {}\n", name, octets_text(list_of(item, "before")),
                      octets_text(list_of(item, "after")));
  else
    out = value_lines(name, list_of(item, "before"), list_of(item, "after"));
  if (flag_of(item, "drift") && !out.empty()) out.insert(out.find('\n'), "  (drift)");
  return out;
}

std::string names_of(const json::object& change) {
  std::string target = text_of(change, "target_dn"), wanted = text_of(change, "new_dn");
  if (text_of(change, "kind") == "rename") return target + " -> " + wanted;
  if (!target.empty()) return target;
  return wanted.empty() ? text_of(change, "source_dn") : wanted;
}

// "3 add, 1 modify" of an object of counts; zeros are left out.
std::string counts_of(const json::object& plan, std::string_view member) {
  std::string out;
  const auto* counts = plan.if_contains(member);
  if (counts == nullptr || !counts->is_object()) return out;
  for (const auto& [key, value] : counts->get_object())
    if (value.is_int64() && value.get_int64() != 0)
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", value.get_int64(),
                         std::string_view(key.data(), key.size()));
  return out;
}

std::string format_plan(const json::object& plan) {
  std::string out = fmt::format("  plan {} {}, {}: {}\n", text_of(plan, "id"), text_of(plan, "state"),
                                text_of(plan, "created_at"), format_counts(plan));
  return out + fmt::format("  {} entries on production, {} on DR\n", number_of(plan, "source_entries"),
                           number_of(plan, "target_entries"));
}

}  // namespace

std::string format_change(const json::object& change) {
  const std::string kind = text_of(change, "kind"), state = text_of(change, "state");
  std::string out =
      fmt::format("{} {} {}  {}", sign_of(kind), kind, text_of(change, "key"), names_of(change));
  if (flag_of(change, "drift")) out += "  (drift)";
  if (!state.empty() && state != "planned") {
    std::string why = text_of(change, "detail");
    if (const std::string code = text_of(change, "code"); !code.empty())
      why = why.empty() ? code : code + " " + why;
    out += fmt::format("  ({}{}{})", state, why.empty() ? "" : ": ", why);
  }
  out += '\n';
  for (const auto& item : list_of(change, "attributes"))
    if (const auto* attribute = item.if_object()) out += format_attribute(*attribute);
  return out;
}

std::int64_t changes_of(const json::object& plan) {
  std::int64_t sum = 0;
  if (const auto* kinds = plan.if_contains("kinds"); kinds != nullptr && kinds->is_object())
    for (const auto& [key, value] : kinds->get_object()) sum += value.is_int64() ? value.get_int64() : 0;
  return sum;
}

bool is_settled(const json::object& plan) {
  const std::int64_t over = number_of(plan, "states.done") + number_of(plan, "states.unneeded");
  return over == changes_of(plan) && text_of(plan, "incomplete").empty();
}

std::string format_counts(const json::object& plan) {
  const std::int64_t changes = changes_of(plan);
  std::string out = changes == 0 ? std::string("no change")
                                 : fmt::format("{} change{}: {}; {}", changes, changes == 1 ? "" : "s",
                                               counts_of(plan, "kinds"), counts_of(plan, "states"));
  if (const auto drift = number_of(plan, "drift"); drift > 0) out += fmt::format("; {} drifted", drift);
  out += fmt::format("; {} equal", number_of(plan, "equal_entries"));
  if (const auto foreign = number_of(plan, "foreign_entries"); foreign > 0)
    out += fmt::format(", {} foreign", foreign);
  return out;
}

std::string format_directory_link(const json::object& link) {
  std::string out =
      fmt::format("{}: {} {} -> {} {}\n", text_of(link, "link"), text_of(link, "source"),
                  text_of(link, "source_address"), text_of(link, "target"), text_of(link, "target_address"));
  std::string when = "scheduled: " + text_of(link, "scheduled");
  if (const std::string next = text_of(link, "next_run_at"); !next.empty()) when += ", next " + next;
  if (const std::string run = text_of(link, "running"); !run.empty()) when += ", run " + run + " under way";
  out += "  " + when + "\n";
  const auto* plan = link.if_contains("last_plan");
  out += plan != nullptr && plan->is_object() ? format_plan(plan->get_object())
                                              : std::string("  never compared\n");
  out += fmt::format("  pairs: {} active, {} disabled; mailboxes from the directory: {}\n",
                     number_of(link, "pairs.active"), number_of(link, "pairs.disabled"),
                     number_of(link, "mailboxes_from_directory"));
  for (const auto& item : list_of(link, "problems")) {
    const auto& problem = item.as_object();
    out += fmt::format("  {} {}\n", text_of(problem, "code"), text_of(problem, "text"));
    if (const std::string next = text_of(problem, "next_step"); !next.empty())
      out += fmt::format("    what to do: {}\n", next);
  }
  return out;
}

}  // namespace mirror::cli
