// SPDX-License-Identifier: Apache-2.0
#include "imap/structure_parser.hpp"

#include <map>

#include "imap/value_parser.hpp"

namespace mirror::imap {

namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? digit_of(text[i + 1]) : -1;
    const int low = high >= 0 ? digit_of(text[i + 2]) : -1;
    out.push_back(low < 0 ? text[i] : static_cast<char>(high * 16 + low));
    if (low >= 0) i += 2;
  }
  return out;
}

// RFC 2231: "utf-8'en'gr%C3%BC.wav". The character set is taken to be UTF-8, as it nearly always is.
std::string extended_text(std::string_view text, bool first) {
  if (first) {
    const auto quote = text.find('\'');
    const auto second = quote == std::string_view::npos ? quote : text.find('\'', quote + 1);
    if (second != std::string_view::npos) text.remove_prefix(second + 1);
  }
  return percent_decoded(text);
}

// Names of one parameter list; "filename*0", "filename*1*" are pieces of one name.
void take_parameters(const Value& list, std::vector<std::string>& names) {
  std::map<std::string, std::string> pieces;
  for (std::size_t i = 0; i + 1 < list.items.size(); i += 2) {
    if (!list.items[i].is_text() || !list.items[i + 1].is_text()) continue;
    const std::string key = upper(list.items[i].text);
    const auto star = key.find('*');
    const std::string base = key.substr(0, star);
    if (base != "NAME" && base != "FILENAME") continue;
    const std::string rest = star == std::string::npos ? std::string() : key.substr(star);
    const std::string& value = list.items[i + 1].text;
    const std::string text = rest.ends_with('*') ? extended_text(value, rest == "*" || rest == "*0*") : value;
    if (rest.empty() || rest == "*")
      names.push_back(text);
    else
      pieces[base] += text;
  }
  for (auto& [base, name] : pieces) names.push_back(std::move(name));
}

// A multipart is its parts and then its own subtype; else type, subtype, parameters, ... and, somewhere
// behind the size, the disposition: ("attachment" ("filename" "x")).
void take_part(const Value& part, std::vector<std::string>& names) {
  if (!part.is_list() || part.items.empty() || names.size() >= k_most_file_names) return;
  const auto& items = part.items;
  if (items.front().is_list()) {
    for (const auto& item : items) {
      if (!item.is_list()) return;
      take_part(item, names);
    }
    return;
  }
  if (items.size() > 2 && items[2].is_list()) take_parameters(items[2], names);
  // Of a message/rfc822 part 7 and 8 are its envelope and structure.
  const std::size_t behind = iequals(items.front().text, "MESSAGE") ? 9 : 7;
  for (std::size_t i = behind; i < items.size(); ++i) {
    const auto& pair = items[i].items;
    if (items[i].is_list() && pair.size() == 2 && pair[0].is_text() && pair[1].is_list())
      take_parameters(pair[1], names);
  }
}

}  // namespace

std::vector<std::string> file_names_of(const Value& structure) {
  std::vector<std::string> names;
  take_part(structure, names);
  if (names.size() > k_most_file_names) names.resize(k_most_file_names);
  return names;
}

}  // namespace mirror::imap
