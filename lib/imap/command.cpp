// SPDX-License-Identifier: Apache-2.0
#include "imap/command.hpp"

#include <fmt/format.h>

#include "imap/value_parser.hpp"

namespace mirror::imap {
namespace {

constexpr std::uint64_t k_literal_minus_limit = 4096;  // RFC 7888 section 5
constexpr std::size_t k_longest_quoted = 1000;

bool is_atom(std::string_view octets) {
  constexpr std::string_view k_special = "(){ %*\"\\]";
  if (octets.empty() || iequals(octets, "NIL")) return false;
  for (const char c : octets) {
    if (c <= 0x20 || c >= 0x7F || k_special.find(c) != std::string_view::npos) return false;
  }
  return true;
}

bool is_quotable(std::string_view octets) {
  for (const char c : octets) {
    if (c == '\0' || c == '\r' || c == '\n' || static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return octets.size() <= k_longest_quoted;
}

}  // namespace

bool goes_unasked(LiteralStyle style, std::uint64_t length) {
  return style == LiteralStyle::plus || (style == LiteralStyle::minus && length <= k_literal_minus_limit);
}

std::string literal_mark(LiteralStyle style, std::uint64_t length) {
  return fmt::format("{{{}{}}}", length, goes_unasked(style, length) ? "+" : "");
}

Command::Command(std::string name, LiteralStyle style)
    : name_(std::move(name)), style_(style), parts_{name_} {}

Command& Command::text(std::string_view words) {
  parts_.back().append(" ").append(words);
  return *this;
}

Command& Command::string(std::string_view octets) {
  if (is_atom(octets)) return text(octets);
  if (!is_quotable(octets)) {
    parts_.back().append(" ").append(literal_mark(style_, octets.size())).append("\r\n");
    if (!goes_unasked(style_, octets.size())) parts_.emplace_back();
    parts_.back().append(octets);
    return *this;
  }
  std::string& out = parts_.back();
  out.append(" \"");
  for (const char c : octets) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
  return *this;
}

std::string flag_list(const FlagSet& flags) {
  return "(" + flags.text() + ")";
}

}  // namespace mirror::imap
