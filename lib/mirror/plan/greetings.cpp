// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/greetings.hpp"

#include <algorithm>
#include <cctype>

#include "mirror/plan/folder_names.hpp"

namespace mirror::plan {

namespace {

// No person's mask means a longer one, and it comes from whoever sent the message.
constexpr std::size_t k_longest_value = 4096;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_name_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
}

bool matches(const std::string& mask, std::string_view text) {
  return text.size() <= k_longest_value && glob_match(mask, text);
}

}  // namespace

std::vector<HeaderField> parse_header_fields(std::string_view block) {
  std::vector<HeaderField> fields;
  bool in_field = false;
  while (!block.empty()) {
    const auto end = block.find('\n');
    std::string_view line = block.substr(0, end);
    block.remove_prefix(end == std::string_view::npos ? block.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (in_field && !line.empty() && is_space(line.front())) {
      fields.back().value.append(line);
      continue;
    }
    const auto colon = line.find(':');
    in_field = colon != std::string_view::npos;
    if (in_field)
      fields.push_back({std::string(trimmed(line.substr(0, colon))), std::string(line.substr(colon + 1))});
  }
  for (auto& field : fields) field.value = std::string(trimmed(field.value));
  return fields;
}

std::vector<std::string> GreetingRule::header_names() const {
  std::vector<std::string> names;
  for (const auto& header : headers)
    if (std::none_of(names.begin(), names.end(), [&](const auto& n) { return same_name(n, header.name); }))
      names.push_back(header.name);
  return names;
}

std::optional<GreetingRule::Header> parse_greeting_header(std::string_view text) {
  const auto colon = text.find(':');
  GreetingRule::Header header;
  header.name = std::string(trimmed(text.substr(0, colon)));
  if (header.name.empty() || !std::all_of(header.name.begin(), header.name.end(), is_name_char))
    return std::nullopt;
  if (colon == std::string_view::npos) return header;
  header.mask = std::string(trimmed(text.substr(colon + 1)));
  if (header.mask->empty()) return std::nullopt;
  return header;
}

bool is_greeting(const GreetingRule& rule, std::string_view header,
                 const std::vector<std::string>& file_names) {
  for (const auto& mask : rule.attachments)
    if (std::any_of(file_names.begin(), file_names.end(), [&](const auto& n) { return matches(mask, n); }))
      return true;
  if (rule.headers.empty()) return false;
  const auto fields = parse_header_fields(header);
  return std::any_of(rule.headers.begin(), rule.headers.end(), [&](const auto& wanted) {
    return std::any_of(fields.begin(), fields.end(), [&](const auto& field) {
      return same_name(wanted.name, field.name) && (!wanted.mask || matches(*wanted.mask, field.value));
    });
  });
}

}  // namespace mirror::plan
