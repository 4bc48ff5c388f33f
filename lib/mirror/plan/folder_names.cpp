// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/folder_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace mirror::plan {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_hex(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}

bool looks_escaped(std::string_view part, std::size_t at) {
  return part[at] == '=' && at + 2 < part.size() && is_hex(part[at + 1]) && is_hex(part[at + 2]);
}

// A target without hierarchy (delimiter NIL) gets one name with dots.
char separator(const NameRules& rules) {
  return rules.target_delimiter == 0 ? '.' : rules.target_delimiter;
}

std::string escape_part(std::string_view part, const NameRules& rules, bool first_part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const char c = part[i];
    const auto octet = static_cast<unsigned char>(c);
    const bool refused = octet < 0x20 || octet == 0x7F || c == separator(rules) ||
                         rules.refused.find(c) != std::string::npos ||
                         (first_part && i == 0 && rules.refused_first.find(c) != std::string::npos) ||
                         looks_escaped(part, i);
    if (refused)
      out += fmt::format("={:02X}", octet);
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string target_folder_name(std::string_view source_name, const NameRules& rules) {
  if (is_inbox(source_name)) return "INBOX";
  std::string_view rest = source_name;
  if (!rules.source_prefix.empty() && rest.starts_with(rules.source_prefix))
    rest.remove_prefix(rules.source_prefix.size());
  std::string out = rules.target_prefix;
  bool first = true;
  while (true) {
    const std::size_t cut =
        rules.source_delimiter == 0 ? std::string_view::npos : rest.find(rules.source_delimiter);
    const std::string_view part = rest.substr(0, cut);
    // INBOX as the root of a tree stays INBOX in the server's own spelling.
    out += first && rules.target_prefix.empty() && cut != std::string_view::npos && is_inbox(part)
               ? std::string("INBOX")
               : escape_part(part, rules, first);
    if (cut == std::string_view::npos) break;
    out += separator(rules);
    rest.remove_prefix(cut + 1);
    first = false;
  }
  // Below a source's prefix a folder may be called INBOX and be another one than INBOX.
  return is_inbox(out) ? fmt::format("={:02X}{}", static_cast<unsigned char>(out[0]), out.substr(1)) : out;
}

std::string unescape_part(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (looks_escaped(part, i)) {
      out += static_cast<char>(std::stoi(std::string(part.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += part[i];
    }
  }
  return out;
}

bool is_inbox(std::string_view name) {
  static constexpr std::string_view k_inbox = "inbox";
  return name.size() == k_inbox.size() &&
         std::equal(name.begin(), name.end(), k_inbox.begin(), [](char a, char b) { return lower(a) == b; });
}

bool is_below(std::string_view name, std::string_view ancestor, char delimiter) {
  return delimiter != 0 && name.size() > ancestor.size() && name[ancestor.size()] == delimiter &&
         name.starts_with(ancestor);
}

bool glob_match(std::string_view mask, std::string_view name) {
  std::size_t m = 0, n = 0;
  std::size_t star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (m < mask.size() && mask[m] == '*') {
      star = m++;
      resume = n;
    } else if (m < mask.size() && (mask[m] == '?' || lower(mask[m]) == lower(name[n]))) {
      // A question mark is one character of UTF-8, not one octet of it.
      while (mask[m] == '?' && n + 1 < name.size() &&
             (static_cast<unsigned char>(name[n + 1]) & 0xC0) == 0x80)
        ++n;
      ++m;
      ++n;
    } else if (star != std::string_view::npos) {
      m = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (m < mask.size() && mask[m] == '*') ++m;
  return m == mask.size();
}

bool in_scope(std::string_view name, const std::vector<std::string>& include,
              const std::vector<std::string>& exclude) {
  const auto matches = [&](const std::string& mask) { return glob_match(mask, name); };
  return std::any_of(include.begin(), include.end(), matches) &&
         std::none_of(exclude.begin(), exclude.end(), matches);
}

}  // namespace mirror::plan
