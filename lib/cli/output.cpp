// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "cli/exit_codes.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

void put(std::FILE* to, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), to);
  std::fputc('\n', to);
  std::fflush(to);
}

// Columns of a UTF-8 text, near enough for tables: one per code point.
std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return width;
}

std::string value_text(const json::value& value) {
  if (value.is_null()) return "";
  if (value.is_string())
    return visible(std::string_view(value.get_string().data(), value.get_string().size()));
  if (value.is_bool()) return value.get_bool() ? "yes" : "no";
  return json::serialize(value);
}

std::string cell(const json::object& item, const std::string& member) {
  const json::value* value = find_member(item, member);
  return value == nullptr ? "" : value_text(*value);
}

std::string joined(const std::vector<std::string>& cells, char separator) {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i)
    out += (i == 0 ? std::string() : std::string(1, separator)) + cells[i];
  return out;
}

}  // namespace

int exit_code_of(int status, const char* code) {
  const std::string_view id(code == nullptr ? "" : code);
  if (status < 400) return k_ok;
  if (id.substr(0, 8) == "MRD-CONF" && status == 422) return k_bad_config;
  switch (status) {
    case 400:
    case 405:
    case 413:
    case 422:
      return k_usage;
    case 401:
    case 403:
      return k_not_allowed;
    case 404:
      return k_not_found;
    case 409:
      return id == "MRD-HTTP-003" ? k_wrong_state : k_failed;
    case 412:
    case 428:
    case 429:
    case 503:
      return k_try_again;
    default:
      return k_failed;
  }
}

std::string visible(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7F)
      out += fmt::format("\\x{:02x}", octet);
    else
      out += c;
  }
  return out;
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i >= widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - width_of(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

const json::value* find_member(const json::object& item, std::string_view member) {
  const std::size_t dot = member.find('.');
  const json::value* value = item.if_contains(member.substr(0, dot));
  if (value == nullptr || dot == std::string_view::npos) return value;
  return value->is_object() ? find_member(value->get_object(), member.substr(dot + 1)) : nullptr;
}

std::string text_of(const json::object& item, std::string_view member) {
  const json::value* value = find_member(item, member);
  return value == nullptr ? "" : value_text(*value);
}

std::int64_t number_of(const json::object& item, std::string_view member) {
  const json::value* value = find_member(item, member);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

std::string human_octets(std::int64_t octets) {
  static constexpr const char* k_units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(octets);
  std::size_t unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", octets) : fmt::format("{:.1f} {}", value, k_units[unit]);
}

std::string human_seconds(std::int64_t seconds) {
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{} d {} h", seconds / 86400, seconds % 86400 / 3600);
}

std::string Output::word(std::string_view status) const {
  if (!settings_.colour) return std::string(status);
  static constexpr std::string_view k_green[] = {"in_sync", "up",        "equal",   "done",
                                                 "ok",      "mirroring", "running", "repaired"};
  static constexpr std::string_view k_red[] = {"failed", "down", "refused", "differs", "error"};
  for (const auto good : k_green)
    if (good == status) return fmt::format("\x1b[32m{}\x1b[0m", status);
  for (const auto bad : k_red)
    if (bad == status) return fmt::format("\x1b[31m{}\x1b[0m", status);
  return fmt::format("\x1b[33m{}\x1b[0m", status);
}

void Output::line(std::string_view text) const {
  put(stdout, text);
}

void Output::note(std::string_view text) const {
  if (!settings_.quiet) put(stderr, text);
}

void Output::next(std::string_view command) const {
  if (!settings_.quiet && !is_json()) put(stderr, fmt::format("next: {}", command));
}

void Output::json(json::object item, std::string_view schema) {
  json::object out;
  out["schema"] = std::string(schema);
  for (auto& [key, value] : item) out[key] = std::move(value);
  put(stdout, json::serialize(out));
}

void Output::rows(const json::array& items, const std::vector<Column>& columns, std::string_view schema) {
  if (settings_.format == Format::json) {
    json(json::object{{"items", items}}, schema);
    return;
  }
  if (settings_.format == Format::ndjson) {
    for (const auto& item : items) put(stdout, json::serialize(item));
    return;
  }
  std::vector<std::vector<std::string>> table;
  if (settings_.headers && settings_.format != Format::flow) {
    table.emplace_back();
    for (const auto& column : columns) table.back().push_back(column.title);
  }
  for (const auto& item : items) {
    table.emplace_back();
    for (const auto& column : columns) {
      std::string text = cell(item.as_object(), column.member);
      table.back().push_back(settings_.format == Format::flow ? fmt::format("{}={}", column.member, text)
                                                              : std::move(text));
    }
  }
  if (settings_.format == Format::table) {
    const std::string text = format_table(table);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    return;
  }
  for (const auto& row : table) put(stdout, joined(row, settings_.format == Format::tab ? '\t' : ' '));
}

void Output::object(const json::object& item, std::string_view schema) {
  if (is_json()) {
    json(item, schema);
    return;
  }
  std::vector<std::vector<std::string>> table;
  for (const auto& [key, value] : item) {
    if (value.is_array() && !value.get_array().empty() && value.get_array()[0].is_object()) continue;
    table.push_back({std::string(key), value_text(value)});
  }
  const std::string text = format_table(table);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace mirror::cli
