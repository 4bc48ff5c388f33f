// SPDX-License-Identifier: Apache-2.0
#include "imap/list_parser.hpp"

#include "imap/utf7.hpp"
#include "imap/value_parser.hpp"

namespace mirror::imap {
namespace {

using base::Failure;
using base::Result;

}  // namespace

FolderName folder_name_of(std::string_view wire) {
  if (iequals(wire, "INBOX")) return {"INBOX", false};
  if (auto name = decode_utf7(wire)) return {std::move(*name), false};
  return {std::string(wire), true};
}

Result<Folder> parse_list(const Response& response) {
  const auto& values = response.values;
  if (values.size() < 3 || !values[0].is_list() || values[2].is_list())
    return Failure("MRD-IMAP-001", "malformed LIST response");
  Folder folder;
  for (const auto& attribute : values[0].items) folder.attributes.insert(lower(attribute.text));
  folder.subscribed = response.name == "LSUB" || folder.attributes.contains("\\subscribed");
  if (values[1].is_text() && values[1].text.size() == 1) folder.delimiter = values[1].text.front();
  // An unquoted NIL here is the folder called NIL: its word was kept.
  auto [name, raw] = folder_name_of(values[2].text);
  folder.name = std::move(name);
  folder.raw = raw;
  return folder;
}

std::pair<std::string, char> parse_namespace(const Response& response) {
  if (response.values.empty() || response.values[0].items.empty()) return {};
  const auto& first = response.values[0].items.front().items;
  if (first.size() < 2) return {};
  const char delimiter = first[1].is_text() && first[1].text.size() == 1 ? first[1].text.front() : '\0';
  return {first[0].is_text() ? folder_name_of(first[0].text).name : std::string(), delimiter};
}

std::vector<std::pair<std::string, std::string>> parse_id(const Response& response) {
  std::vector<std::pair<std::string, std::string>> out;
  if (response.values.empty()) return out;
  const auto& items = response.values[0].items;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const std::string value = items[i + 1].is_text() ? printable(items[i + 1].text, 1024) : std::string();
    out.emplace_back(printable(items[i].text, 64), value);
  }
  return out;
}

}  // namespace mirror::imap
