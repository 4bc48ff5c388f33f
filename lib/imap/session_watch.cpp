// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "imap/list_parser.hpp"
#include "imap/session_detail.hpp"
#include "imap/status_parser.hpp"

namespace mirror::imap {

using Kind = WatchEvent::Kind;

namespace {

constexpr std::size_t k_most_events = 4096;

WatchEvent event_of(Kind kind) {
  WatchEvent event;
  event.kind = kind;
  return event;
}

}  // namespace

void SessionImpl::push_event(WatchEvent event) {
  if (events_.size() >= k_most_events) {  // more than anybody will look at one by one
    events_.clear();
    event = event_of(Kind::overflow);
  }
  events_.push_back(std::move(event));
}

void SessionImpl::notice_event(const Response& response) {
  if (!notifying_ && idle_tag_.empty()) return;
  const bool lost = response.reply.code == "NOTIFICATIONOVERFLOW" ||
                    response.reply.text.find("NOTIFY error") != std::string::npos;  // Dovecot's words
  if (lost) return push_event(event_of(Kind::overflow));
  if (!idle_tag_.empty()) {
    if (response.name == "EXISTS") return push_event(event_of(Kind::arrived));
    if (response.name == "EXPUNGE" || response.name == "VANISHED")
      return push_event(event_of(Kind::expunged));
    if (response.name == "FETCH") return push_event(event_of(Kind::flags));
  }
  if (!notifying_) return;
  if (response.name == "STATUS") {
    auto status = parse_status(response);
    if (status.has_error()) throw base::Failed(status.error());
    // During our own LIST or STATUS the first one of a folder is the answer, any other is news.
    if (listing_ && answered_["S" + status->first]++ == 0) return;
    WatchEvent event = event_of(Kind::folder_status);
    event.folder = status->first;
    event.status = std::move(status->second);
    return push_event(std::move(event));
  }
  if (response.name == "LIST") {
    auto folder = parse_list(response);
    if (folder.has_error()) throw base::Failed(folder.error());
    if (listing_ && answered_["L" + folder->name]++ < 2) return;
    WatchEvent event = event_of(Kind::folder_list);
    event.folder = folder->name;
    push_event(std::move(event));
  }
}

// Without FETCH attributes on "personal" (Dovecot refuses them); FlagChange demands the two message events.
Task<Reply> SessionImpl::notify() {
  if (!has(Cap::notify)) {
    Reply refused;
    refused.status = Reply::Status::bad;
    refused.text = "NOTIFY is not offered";
    co_return refused;
  }
  // A selected folder loses events on Dovecot 2.3; the watcher stays outside.
  co_await unselect();
  Turn turn(*this);
  notifying_ = true;
  Reply reply = co_await wire_->run(command("NOTIFY").text(
      "SET STATUS (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"));
  notifying_ = reply.ok();
  turn.done();
  co_return reply;
}

Task<std::vector<WatchEvent>> SessionImpl::next_events(std::chrono::milliseconds limit) {
  Turn turn(*this);
  const auto until = std::chrono::steady_clock::now() + limit;
  for (;;) {
    while (wire_->ready_event()) {
    }
    if (!events_.empty()) break;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left <= std::chrono::milliseconds(0)) break;
    const bool some = co_await wire_->wait_for_octets(left);
    if (!some) break;
  }
  std::vector<WatchEvent> out(std::make_move_iterator(events_.begin()),
                              std::make_move_iterator(events_.end()));
  events_.clear();
  turn.done();
  co_return out;
}

Task<Reply> SessionImpl::idle_start() {
  Turn turn(*this);
  if (!has(Cap::idle)) {
    turn.done();
    Reply refused;
    refused.status = Reply::Status::bad;
    refused.text = "IDLE is not offered";
    co_return refused;
  }
  std::string tag = co_await wire_->send(command("IDLE"));
  idle_tag_ = tag;  // from here on data is news
  const bool granted = co_await wire_->go_ahead(tag);
  Reply reply;
  if (!granted) {
    idle_tag_.clear();
    reply = co_await wire_->reply(std::move(tag));
    if (reply.ok()) reply.status = Reply::Status::no;  // ended before it began
  }
  turn.done();
  co_return reply;
}

Task<Reply> SessionImpl::idle_stop() {
  if (idle_tag_.empty()) co_return Reply();
  Turn turn(*this);
  co_await wire_->put("DONE\r\n");
  Reply reply = co_await wire_->reply(idle_tag_);
  idle_tag_.clear();
  turn.done();
  co_return reply;
}

}  // namespace mirror::imap
