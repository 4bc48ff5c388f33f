// SPDX-License-Identifier: Apache-2.0
#include "imap/session_detail.hpp"

namespace mirror::imap {

using base::Result;

namespace {

constexpr std::size_t k_window = 64;

std::string_view item_of(FlagAction action) {
  switch (action) {
    case FlagAction::add:
      return "+FLAGS.SILENT";
    case FlagAction::remove:
      return "-FLAGS.SILENT";
    case FlagAction::replace:
      break;
  }
  return "FLAGS.SILENT";
}

UidSet without(const UidSet& from, const UidSet& minus) {
  UidSet out;
  std::size_t at = 0;
  const auto& cuts = minus.ranges();
  for (auto [first, last] : from.ranges()) {
    std::uint64_t next = first;
    while (at < cuts.size() && cuts[at].second < next) ++at;
    for (std::size_t i = at; i < cuts.size() && cuts[i].first <= last && next <= last; ++i) {
      if (cuts[i].first > next) out.add(Uid{static_cast<std::uint32_t>(next)}, Uid{cuts[i].first - 1});
      next = std::uint64_t{cuts[i].second} + 1;
    }
    if (next <= last) out.add(Uid{static_cast<std::uint32_t>(next)}, Uid{last});
  }
  return out;
}

}  // namespace

Task<std::vector<Reply>> SessionImpl::store(std::vector<FlagChange> changes) {
  Turn turn(*this);
  std::vector<Reply> replies(changes.size());
  std::deque<std::pair<std::size_t, std::string>> open;
  const auto merge = [&replies](std::size_t index, Reply reply) {
    if (replies[index].ok()) replies[index] = std::move(reply);
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const FlagChange& change = changes[i];
    if (change.flags.empty() && change.action != FlagAction::replace) continue;  // nothing to add or remove
    const std::string item = std::string(item_of(change.action)) + " " + flag_list(change.flags);
    for (const auto& set : change.uids.texts(k_longest_set)) {
      if (open.size() >= k_window) {
        merge(open.front().first, co_await wire_->reply(open.front().second));
        open.pop_front();
      }
      open.emplace_back(i, co_await wire_->send(command("UID STORE").text(set).text(item)));
    }
  }
  for (auto& [index, tag] : open) merge(index, co_await wire_->reply(std::move(tag)));
  turn.done();
  co_return replies;
}

Task<Reply> SessionImpl::store_one(const UidSet& uids, const std::string& item, const FlagSet& flags) {
  co_return co_await run_sets("UID STORE", uids, item + " " + flag_list(flags));
}

// Each step waits for the one before: servers are known that run pipelined STORE and EXPUNGE out of order.
Task<Reply> SessionImpl::expunge(UidSet uids) {
  if (uids.empty()) co_return Reply();
  Turn turn(*this);
  Reply reply;
  if (has(Cap::uidplus)) {
    const FlagSet deleted = FlagSet::parse("\\Deleted");
    reply = co_await store_one(uids, "+FLAGS.SILENT", deleted);
    if (reply.ok()) {
      // UID EXPUNGE takes a set and no more.
      std::deque<std::string> tags;
      for (const auto& set : uids.texts(k_longest_set))
        tags.push_back(co_await wire_->send(command("UID EXPUNGE").text(set)));
      for (auto& tag : tags) {
        Reply one = co_await wire_->reply(std::move(tag));
        if (reply.ok()) reply = std::move(one);
      }
    }
  } else {
    reply = co_await expunge_without_uids(uids);
  }
  turn.done();
  co_return reply;
}

Task<Reply> SessionImpl::expunge_without_uids(const UidSet& uids) {
  const FlagSet deleted = FlagSet::parse("\\Deleted");
  const auto marked = co_await search("DELETED");
  if (marked.has_error()) {
    Reply refused;
    refused.status = Reply::Status::no;
    refused.text = marked.error().detail();
    co_return refused;
  }
  const UidSet others = without(*marked, uids);
  Reply reply = co_await store_one(others, "-FLAGS.SILENT", deleted);
  if (reply.ok()) reply = co_await store_one(uids, "+FLAGS.SILENT", deleted);
  if (reply.ok()) reply = co_await wire_->run(command("EXPUNGE"));
  // Whatever happened, the others get their mark back; its failure is told only if all else went well.
  Reply again = co_await store_one(others, "+FLAGS.SILENT", deleted);
  if (reply.ok() && !again.ok()) reply = std::move(again);
  co_return reply;
}

}  // namespace mirror::imap
