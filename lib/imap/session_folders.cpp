// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "imap/list_parser.hpp"
#include "imap/session_detail.hpp"
#include "imap/status_parser.hpp"
#include "imap/value_parser.hpp"

namespace mirror::imap {

using base::Failure;
using base::Result;

namespace {

// Commands in flight at once where each has an answer of some length: both sides' buffers must hold them.
constexpr std::size_t k_window = 64;

// Collects LIST and STATUS data; the first malformed one is kept, because a list is complete or a failure.
struct Collected {
  std::vector<Folder> folders;
  std::map<std::string, FolderStatus> statuses;
  std::set<std::string> subscribed;
  std::optional<Failure> failure;

  void take(const Response& response) {
    if (response.name == "STATUS") {
      auto status = parse_status(response);
      if (status.has_error()) failure = status.error();
      if (status.has_value()) statuses.insert_or_assign(status->first, std::move(status->second));
    } else if (response.name == "LIST" || response.name == "LSUB") {
      auto folder = parse_list(response);
      if (folder.has_error()) failure = folder.error();
      if (folder.has_value()) add(std::move(*folder), response.name == "LSUB");
    }
  }

  void add(Folder folder, bool lsub) {
    if (folder.name.empty()) return;  // the answer to LIST "" "" of a confused server
    // LSUB names parents of subscribed folders with \Noselect (RFC 3501 section 6.3.9): not subscribed
    // themselves.
    if (folder.subscribed && !(lsub && folder.attributes.contains("\\noselect")))
      subscribed.insert(folder.name);
    const auto same = [&](const Folder& f) { return f.name == folder.name && f.raw == folder.raw; };
    const auto known = std::find_if(folders.begin(), folders.end(), same);
    if (!lsub && known == folders.end())
      folders.push_back(std::move(folder));
    else if (!lsub)
      known->attributes.merge(folder.attributes);
  }

  std::vector<Folder> finish() {
    for (auto& folder : folders) {
      folder.subscribed = subscribed.erase(folder.name) > 0;
      const auto status = statuses.find(folder.name);
      if (status != statuses.end()) folder.status = status->second;
    }
    for (const auto& name : subscribed) {  // subscribed, but no such folder
      Folder folder;
      folder.name = name;
      folder.subscribed = true;
      folder.attributes.insert("\\nonexistent");
      folders.push_back(std::move(folder));
    }
    return std::move(folders);
  }
};

}  // namespace

std::string SessionImpl::status_items() const {
  std::string items = "(UIDNEXT UIDVALIDITY MESSAGES";
  if (has(Cap::condstore) || has(Cap::qresync)) items += " HIGHESTMODSEQ";
  if (has(Cap::objectid)) items += " MAILBOXID";
  return items + ")";
}

Task<Result<std::vector<Folder>>> SessionImpl::list(bool with_status) {
  Turn turn(*this);
  listing_ = true;
  answered_.clear();
  Result<std::vector<Folder>> folders = std::vector<Folder>();
  if (has(Cap::list_extended)) {
    folders = co_await list_extended(with_status);
  } else {
    folders = co_await list_plain(with_status);
  }
  listing_ = false;
  turn.done();
  if (folders.has_value()) remember_names(*folders);
  co_return folders;
}

Task<Result<std::string>> SessionImpl::my_rights(std::string folder) {
  Turn turn(*this);
  std::optional<std::string> rights;
  Listening listening(*wire_, [&](const Response& response) {
    if (response.name != "MYRIGHTS") return;
    rights = response.rest.substr(response.rest.rfind(' ') + 1);  // the folder's name stands before it
  });
  const Reply reply = co_await wire_->run(command("MYRIGHTS").folder(wire_name(folder)));
  turn.done();
  if (!reply.ok()) co_return failure_of(reply, "MYRIGHTS", folder);
  if (!rights) co_return Failure("MRD-IMAP-006", wire_->access().store + ": MYRIGHTS " + folder);
  co_return *rights;
}

Task<Result<std::vector<Folder>>> SessionImpl::list_extended(bool with_status) {
  Collected collected;
  Listening listening(*wire_, [&](const Response& response) { collected.take(response); });
  const bool in_one = with_status && has(Cap::list_status);
  std::string options = "RETURN (SUBSCRIBED";
  if (has(Cap::special_use)) options += " SPECIAL-USE";
  if (in_one) options += " STATUS " + status_items();
  std::string all = co_await wire_->send(command("LIST").text("\"\" \"*\"").text(options + ")"));
  // RETURN (SUBSCRIBED) is silent about subscribed names without a folder; the selection option is not.
  std::string subscribed = co_await wire_->send(command("LIST").text("(SUBSCRIBED) \"\" \"*\""));
  const Reply reply = co_await wire_->reply(std::move(all));
  const Reply second = co_await wire_->reply(std::move(subscribed));
  if (!reply.ok()) co_return failure_of(reply, "LIST", "*");
  if (!second.ok()) co_return failure_of(second, "LIST", "*");
  if (collected.failure) co_return *collected.failure;
  auto folders = collected.finish();
  if (with_status && !in_one) co_await add_statuses(folders);
  co_return folders;
}

Task<Result<std::vector<Folder>>> SessionImpl::list_plain(bool with_status) {
  Collected collected;
  Listening listening(*wire_, [&](const Response& response) { collected.take(response); });
  std::string all = co_await wire_->send(command("LIST").text("\"\" \"*\""));
  std::string subscribed = co_await wire_->send(command("LSUB").text("\"\" \"*\""));
  const Reply reply = co_await wire_->reply(std::move(all));
  const Reply second = co_await wire_->reply(std::move(subscribed));
  if (!reply.ok()) co_return failure_of(reply, "LIST", "*");
  if (!second.ok()) co_return failure_of(second, "LSUB", "*");
  if (collected.failure) co_return *collected.failure;
  auto folders = collected.finish();
  if (with_status) co_await add_statuses(folders);
  co_return folders;
}

// STATUS of every folder, pipelined. One that is refused simply has none.
Task<void> SessionImpl::add_statuses(std::vector<Folder>& folders) {
  remember_names(folders);
  Collected collected;
  Listening listening(*wire_, [&](const Response& response) { collected.take(response); });
  std::deque<std::string> tags;
  for (const auto& folder : folders) {
    if (!folder.selectable()) continue;
    if (tags.size() >= k_window) {
      co_await wire_->reply(tags.front());
      tags.pop_front();
    }
    tags.push_back(
        co_await wire_->send(command("STATUS").folder(wire_name(folder.name)).text(status_items())));
  }
  for (auto& tag : tags) co_await wire_->reply(std::move(tag));
  if (collected.failure) throw base::Failed(*collected.failure);
  for (auto& folder : folders) {
    const auto status = collected.statuses.find(folder.name);
    if (status != collected.statuses.end()) folder.status = status->second;
  }
}

void SessionImpl::remember_names(const std::vector<Folder>& folders) {
  raw_names_.clear();
  for (const auto& folder : folders) {
    if (folder.raw) raw_names_.insert(folder.name);
  }
}

Task<Result<FolderStatus>> SessionImpl::status(std::string folder) {
  Turn turn(*this);
  Collected collected;
  Reply reply;
  listing_ = true;
  answered_.clear();
  {
    Listening listening(*wire_, [&](const Response& response) { collected.take(response); });
    reply = co_await wire_->run(command("STATUS").folder(wire_name(folder)).text(status_items()));
  }
  listing_ = false;
  turn.done();
  if (!reply.ok()) co_return failure_of(reply, "STATUS", folder);
  if (collected.failure) co_return *collected.failure;
  const std::string name = iequals(folder, "INBOX") ? "INBOX" : folder;
  const auto found = collected.statuses.find(name);
  if (found == collected.statuses.end())
    co_return Failure("MRD-IMAP-006", wire_->access().store + ": STATUS " + folder);
  co_return found->second;
}

Task<Reply> SessionImpl::create(std::string folder, std::string special_use) {
  Command create = command("CREATE");
  create.folder(wire_name(folder));
  if (!special_use.empty() && has(Cap::create_special_use)) create.text("(USE (" + special_use + "))");
  return simple(std::move(create));
}

Task<Reply> SessionImpl::remove(std::string folder) {
  return simple(command("DELETE").folder(wire_name(folder)));
}

Task<Reply> SessionImpl::rename(std::string from, std::string to) {
  return simple(command("RENAME").folder(wire_name(from)).folder(wire_name(to)));
}

Task<Reply> SessionImpl::subscribe(std::string folder, bool wanted) {
  return simple(command(wanted ? "SUBSCRIBE" : "UNSUBSCRIBE").folder(wire_name(folder)));
}

}  // namespace mirror::imap
