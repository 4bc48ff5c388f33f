// SPDX-License-Identifier: Apache-2.0
#include "http/password_lines.hpp"

#include <fmt/format.h>

#include <map>

namespace mirror::http {

namespace {

constexpr std::size_t k_longest_password = 1024;
constexpr std::size_t k_longest_name = 255;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// What is wrong with the line, or "" and the row is filled.
std::string read_line(std::string_view line, PasswordLines::Row& row) {
  const auto separator = line.find_first_of(",\t");
  if (separator == std::string_view::npos) return "needs a mailbox, a tab or comma, and a password";
  row.mailbox = trimmed(line.substr(0, separator));
  if (row.mailbox.empty()) return "names no mailbox";
  if (row.mailbox.size() > k_longest_name || row.mailbox.find('\0') != std::string::npos)
    return "has no usable name of a mailbox";
  const auto password = line.substr(separator + 1);
  std::string wrong = check_password(password);
  if (wrong.empty()) row.password = base::SecretText(std::string(password));
  return wrong.empty() ? wrong : "the password " + wrong;
}

}  // namespace

std::string check_password(std::string_view password) {
  if (password.empty()) return "is missing";
  if (password.size() > k_longest_password)
    return fmt::format("must be at most {} octets long", k_longest_password);
  // SASL PLAIN cannot carry a NUL; a line break is one of the file it came from.
  if (password.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos)
    return "must be one line without a NUL";
  return "";
}

PasswordLines parse_password_lines(std::string_view text) {
  PasswordLines out;
  std::map<std::string, std::size_t> seen;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const auto begin = trimmed(line);
    if (begin.empty() || begin.front() == '#') continue;
    PasswordLines::Row row;
    row.line = number;
    std::string wrong = read_line(line, row);
    if (wrong.empty())
      if (const auto [same, fresh] = seen.emplace(row.mailbox, number); !fresh)
        wrong = fmt::format("names the mailbox of line {} again", same->second);
    if (wrong.empty())
      out.rows.push_back(std::move(row));
    else
      out.wrong.push_back({number, std::move(wrong)});
  }
  return out;
}

}  // namespace mirror::http
