// SPDX-License-Identifier: Apache-2.0
#include "http/metrics.hpp"

#include <fmt/format.h>

#include <map>
#include <vector>

namespace mirror::http {

namespace json = boost::json;

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string label_value(const json::value& value) {
  if (value.is_string())
    return escaped(std::string_view(value.get_string().data(), value.get_string().size()));
  return json::serialize(value);
}

std::string labels_of(const json::object& labels) {
  std::string out;
  for (const auto& [name, value] : labels)
    out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", std::string_view(name.data(), name.size()),
                       label_value(value));
  return out.empty() ? out : "{" + out + "}";
}

std::string help_of(const std::string& name) {
  static const std::map<std::string, std::string> k_help{
      {"mirrord_build_info", "Version and commit; always 1."},
      {"mirrord_state", "1 for the state the site is in."},
      {"mirrord_state_changed_timestamp_seconds", "When the site's state last changed."},
      {"mirrord_rpo_seconds", "Age of the oldest change not yet on DR; 0 when there is none."},
      {"mirrord_rpo_target_seconds", "The target set by the administrator."},
      {"mirrord_oldest_pending_change_timestamp_seconds", "When the oldest pending change was seen."},
      {"mirrord_mailboxes", "Mailboxes by status."},
      {"mirrord_dirty_mailboxes", "Mailboxes with known, unfinished work."},
      {"mirrord_checkpoint_timestamp_seconds", "The least recent comparison of a participating mailbox."},
      {"mirrord_queue_depth", "Rows waiting, by queue."},
      {"mirrord_events_received_total", "What the stores told, by kind and whether it caused work."},
      {"mirrord_store_up", "1 when the store answers."},
      {"mirrord_runs_total", "Ended runs."},
      {"mirrord_run_last_duration_seconds", "Duration of the last finished run of a kind."},
      {"mirrord_verify_last_success_timestamp_seconds", "When a verify last finished."},
      {"mirrord_verify_mismatched_mailboxes", "Mailboxes that differed in the last verify."}};
  const auto found = k_help.find(name);
  return found == k_help.end() ? name : found->second;
}

}  // namespace

std::string format_metrics(const json::array& rows, const std::string& version, const std::string& commit) {
  std::vector<std::string> order{"mirrord_build_info"};
  std::map<std::string, std::string> lines;
  lines[order[0]] = fmt::format("mirrord_build_info{{version=\"{}\",commit=\"{}\"}} 1\n", escaped(version),
                                escaped(commit));
  for (const auto& item : rows) {
    const json::object& row = item.as_object();
    const std::string name(row.at("name").as_string());
    const json::value& value = row.at("value");
    if (value.is_null()) continue;
    auto& text = lines[name];
    if (text.empty()) order.push_back(name);
    const double number =
        value.is_double() ? value.get_double() : static_cast<double>(value.to_number<std::int64_t>());
    text += fmt::format("{}{} {:.16g}\n", name, labels_of(row.at("labels").as_object()), number);
  }
  std::string out;
  for (const auto& name : order) {
    const bool counter = name.size() > 6 && name.substr(name.size() - 6) == "_total";
    out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{3}", name, help_of(name),
                       counter ? "counter" : "gauge", lines[name]);
  }
  return out;
}

}  // namespace mirror::http
