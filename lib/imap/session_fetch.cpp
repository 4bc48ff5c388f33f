// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "imap/fetch_parser.hpp"
#include "imap/session_detail.hpp"
#include "imap/status_parser.hpp"

namespace mirror::imap {

using base::Failure;
using base::Result;

namespace {

constexpr std::size_t k_window = 4;  // FETCH commands in flight, each over at most 4 KiB of set

std::string items_of(const FetchWhat& what) {
  std::string items = "(UID";
  if (what.flags) items += " FLAGS";
  if (what.date) items += " INTERNALDATE";
  if (what.size) items += " RFC822.SIZE";
  std::vector<std::string> fields = what.header_fields;
  if (what.message_id) fields.insert(fields.begin(), "MESSAGE-ID");
  if (!fields.empty()) items += fmt::format(" BODY.PEEK[HEADER.FIELDS ({})]", fmt::join(fields, " "));
  if (what.file_names) items += " BODYSTRUCTURE";
  return items + ")";
}

bool answers(const MessageData& message, const FetchWhat& what) {
  return (!what.flags || message.flags) && (!what.date || message.date) && (!what.size || message.size) &&
         ((!what.message_id && what.header_fields.empty()) || message.header);
}

}  // namespace

Task<Reply> SessionImpl::fetch(UidSet uids, FetchWhat what, std::function<void(const MessageData&)> each) {
  Turn turn(*this);
  std::optional<Failure> failure;
  Listening listening(*wire_, [&](const Response& response) {
    if (response.name != "FETCH" || (response.passed_over && what.file_names)) return;
    const auto data = parse_fetch(response);
    if (data.has_error()) failure = data.error();
    if (data.has_error() || !data->message.uid || !uids.contains(*data->message.uid)) return;
    if (answers(data->message, what)) each(data->message);
  });
  std::string arguments = items_of(what);
  if (what.changed_since && has(Cap::condstore))
    arguments += fmt::format(" (CHANGEDSINCE {})", base::raw(*what.changed_since));
  Reply reply = co_await run_sets("UID FETCH", uids, arguments);
  if (failure) throw base::Failed(*failure);
  turn.done();
  co_return reply;
}

// One command for each piece of the set, a few in flight; the first reply that is not OK, else the last.
Task<Reply> SessionImpl::run_sets(const std::string& name, const UidSet& uids, const std::string& arguments) {
  Reply worst;
  std::deque<std::string> tags;
  const auto merge = [&worst](Reply reply) {
    if (worst.ok()) worst = std::move(reply);
  };
  for (const auto& set : uids.texts(k_longest_set)) {
    if (tags.size() >= k_window) {
      merge(co_await wire_->reply(tags.front()));
      tags.pop_front();
    }
    tags.push_back(co_await wire_->send(command(name).text(set).text(arguments)));
  }
  for (auto& tag : tags) merge(co_await wire_->reply(std::move(tag)));
  co_return worst;
}

Task<Result<UidSet>> SessionImpl::search_all() {
  Turn turn(*this);
  auto found = co_await search("ALL");
  turn.done();
  co_return found;
}

Task<Result<UidSet>> SessionImpl::search(std::string keys) {
  UidSet found;
  std::optional<Failure> failure;
  Listening listening(*wire_, [&](const Response& response) {
    if (response.name != "SEARCH" && response.name != "ESEARCH") return;
    const auto uids = parse_search(response);
    if (uids.has_error())
      failure = uids.error();
    else
      for (const auto& [first, last] : uids->ranges()) found.add(Uid{first}, Uid{last});
  });
  Command search = command("UID SEARCH");
  if (has(Cap::esearch)) search.text("RETURN (ALL)");
  const Reply reply = co_await wire_->run(search.text(keys));
  if (failure) throw base::Failed(*failure);
  if (!reply.ok()) co_return failure_of(reply, "UID SEARCH", selected_);
  co_return found;
}

}  // namespace mirror::imap
