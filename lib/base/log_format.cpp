// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>

#include "base/log_detail.hpp"

namespace mirror::base::log {
namespace {

// Length of the valid UTF-8 sequence at the front (RFC 3629), 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((at(i) & 0xC0) != 0x80) return 0;
  // Overlong forms, surrogates and what lies beyond U+10FFFF.
  if ((lead == 0xE0 && at(1) < 0xA0) || (lead == 0xED && at(1) > 0x9F)) return 0;
  if ((lead == 0xF0 && at(1) < 0x90) || (lead == 0xF4 && at(1) > 0x8F)) return 0;
  return length;
}

bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

// json: \u00XX and U+FFFD for what is no UTF-8; otherwise \xXX. Backslash and quote are escaped in both.
void append_escaped(std::string& out, std::string_view text, bool json) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto sequence = text.substr(0, length == 0 ? 1 : length);
    text.remove_prefix(sequence.size());
    if (length == 0) {
      out += json ? "\\ufffd" : fmt::format("\\x{:02x}", static_cast<unsigned char>(sequence[0]));
    } else if (is_control(sequence)) {
      const unsigned value = static_cast<unsigned char>(sequence.back());
      if (value == '\n')
        out += "\\n";
      else if (value == '\r')
        out += "\\r";
      else if (value == '\t')
        out += "\\t";
      else
        out += fmt::format(fmt::runtime(json ? "\\u{:04x}" : "\\x{:02x}"), value);
    } else {
      if (sequence == "\\" || sequence == "\"") out += '\\';
      out += sequence;
    }
  }
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F || c == '"' ||
        c == '\\' || c == '=')
      return false;
  return true;
}

void append_value(std::string& out, std::string_view value) {
  if (is_plain(value)) {
    out += value;
    return;
  }
  out += '"';
  append_escaped(out, value, false);
  out += '"';
}

// The message and its fields as a person reads them.
void append_words(std::string& out, const Line& line) {
  append_escaped(out, line.message, false);
  for (const auto& [name, value] : line.fields) {
    out += ' ';
    append_escaped(out, name, false);
    out += '=';
    append_value(out, value);
  }
}

std::string time_text(std::int64_t unix_milliseconds) {
  using namespace std::chrono;
  const sys_time<milliseconds> at{milliseconds{unix_milliseconds}};
  const auto midnight = floor<days>(at);
  const year_month_day date{midnight};
  const hh_mm_ss clock{at - midnight};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

// A journal field name is upper case letters, digits and underscores.
std::string journal_name(std::string_view name) {
  std::string out = "MIRRORD_";
  for (const char c : name) {
    if (c >= 'a' && c <= 'z')
      out += static_cast<char>(c - ('a' - 'A'));
    else
      out += (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
  }
  return out;
}

int syslog_priority(Level level) {
  switch (level) {
    case Level::debug:
      return 7;
    case Level::info:
      return 6;
    case Level::warning:
      return 4;
    case Level::error:
      return 3;
  }
  return 3;
}

void append_json_pair(std::string& out, std::string_view name, std::string_view value) {
  out += out.empty() ? "{\"" : ",\"";
  append_escaped(out, name, true);
  out += "\":\"";
  append_escaped(out, value, true);
  out += '"';
}

}  // namespace

std::string_view to_text(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "error";
}

std::string text_line(const Line& line) {
  std::string out = fmt::format("{} {} ", time_text(line.unix_milliseconds), to_text(line.level));
  append_escaped(out, line.event, false);
  out += ' ';
  append_words(out, line);
  return out;
}

std::string json_line(const Line& line) {
  std::string out;
  append_json_pair(out, "time", time_text(line.unix_milliseconds));
  append_json_pair(out, "level", to_text(line.level));
  append_json_pair(out, "event", line.event);
  append_json_pair(out, "message", line.message);
  for (const auto& [name, value] : line.fields) append_json_pair(out, name, value);
  out += '}';
  return out;
}

std::vector<std::string> journal_fields(const Line& line) {
  std::vector<std::string> out;
  out.push_back("MESSAGE=");
  append_words(out.back(), line);
  out.push_back(fmt::format("PRIORITY={}", syslog_priority(line.level)));
  out.push_back("SYSLOG_IDENTIFIER=mirrord");
  out.push_back("MIRRORD_EVENT=");
  append_escaped(out.back(), line.event, false);
  for (const auto& [name, value] : line.fields) {
    out.push_back(journal_name(name) + '=');
    append_escaped(out.back(), value, false);
  }
  return out;
}

}  // namespace mirror::base::log
