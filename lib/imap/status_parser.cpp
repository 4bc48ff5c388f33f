// SPDX-License-Identifier: Apache-2.0
#include "imap/status_parser.hpp"

#include "imap/list_parser.hpp"
#include "imap/value_parser.hpp"

namespace mirror::imap {
namespace {

using base::Failure;
using base::Result;

void take_item(FolderStatus& status, std::string_view name, const Value& value) {
  if (name == "MAILBOXID") {
    status.mailboxid = value.is_list() && !value.items.empty() ? value.items.front().text : value.text;
    return;
  }
  const auto number = parse_number(value.text);
  if (!number) return;
  if (name == "HIGHESTMODSEQ") status.highestmodseq = ModSeq{*number};
  if (*number > 0xFFFFFFFFu) return;
  const auto small = static_cast<std::uint32_t>(*number);
  if (name == "MESSAGES") status.messages = small;
  if (name == "UNSEEN") status.unseen = small;
  if (small == 0) return;  // UIDNEXT and UIDVALIDITY are non-zero numbers
  if (name == "UIDNEXT") status.uidnext = Uid{small};
  if (name == "UIDVALIDITY") status.uidvalidity = UidValidity{small};
}

Result<UidSet> parse_numbers(std::string_view rest) {
  std::vector<Uid> uids;
  rest = rest.substr(0, rest.find('('));  // CONDSTORE ends with "(MODSEQ n)"
  while (!rest.empty()) {
    const auto end = rest.find(' ');
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (word.empty()) continue;
    const auto number = parse_number32(word);
    if (!number || *number == 0) return Failure("MRD-IMAP-001", "malformed SEARCH response");
    uids.push_back(Uid{*number});
  }
  return UidSet::of(uids);
}

}  // namespace

Result<std::pair<std::string, FolderStatus>> parse_status(const Response& response) {
  const auto& values = response.values;
  if (values.size() < 2 || values[0].is_list() || !values[1].is_list())
    return Failure("MRD-IMAP-001", "malformed STATUS response");
  FolderStatus status;
  const auto& items = values[1].items;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) take_item(status, upper(items[i].text), items[i + 1]);
  return std::pair(folder_name_of(values[0].text).name, std::move(status));
}

Result<UidSet> parse_search(const Response& response) {
  if (response.name == "SEARCH") return parse_numbers(response.rest);
  const auto& values = response.values;
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    if (values[i].kind != Value::Kind::atom || !iequals(values[i].text, "ALL")) continue;
    const auto uids = UidSet::parse(values[i + 1].text);
    if (!uids) return Failure("MRD-IMAP-001", "malformed ESEARCH response");
    return *uids;
  }
  return UidSet();
}

Result<Vanished> parse_vanished(const Response& response) {
  Vanished vanished;
  std::string_view rest = response.rest;
  if (iequals(rest.substr(0, 10), "(EARLIER) ")) {
    vanished.earlier = true;
    rest.remove_prefix(10);
  }
  const auto uids = UidSet::parse(rest);
  if (!uids) return Failure("MRD-IMAP-001", "malformed VANISHED response");
  vanished.uids = *uids;
  return vanished;
}

}  // namespace mirror::imap
