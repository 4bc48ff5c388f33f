// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "imap/session_detail.hpp"

namespace mirror::imap {
namespace {

// The withheld octet is kept here and nowhere else: it is not in any buffer before release(), and neither is
// the CRLF that would complete the command. CR and LF are always written together, because servers take a
// bare LF for the end of a command.
class AppendStreamImpl final : public AppendStream {
 public:
  AppendStreamImpl(std::shared_ptr<Connection> wire, std::string folder, std::size_t expected, bool multi)
      : wire_(std::move(wire)), folder_(std::move(folder)), expected_(expected), multi_(multi) {}

  // A window left open is an unfinished command on the wire: only closing the connection ends it safely.
  ~AppendStreamImpl() override {
    if (open_) wire_->close();
  }

  bool multi() const noexcept override { return multi_; }
  Task<std::optional<Reply>> begin(FlagSet flags, InternalDate date, std::uint64_t length) override;
  Task<void> octets(std::string_view octets) override;
  Task<void> release() override;
  Task<std::vector<Reply>> finish() override;

 private:
  enum class State { between, body, held };

  void require(State state, const char* call) const {
    if (state_ != state) throw std::logic_error(std::string("append stream: ") + call + " out of turn");
  }
  Task<std::optional<Reply>> write_head(std::string words, std::uint64_t length);

  std::shared_ptr<Connection> wire_;
  std::string folder_;
  std::size_t expected_;
  bool multi_;
  State state_ = State::between;
  std::vector<std::string> tags_;
  std::optional<Reply> refused_;  // MULTIAPPEND refused as a whole
  std::size_t begun_ = 0;
  std::uint64_t left_ = 0;
  char withheld_ = 0;
  bool open_ = false;
};

Task<std::optional<Reply>> AppendStreamImpl::begin(FlagSet flags, InternalDate date, std::uint64_t length) {
  require(State::between, "begin()");
  ++begun_;
  if (refused_) co_return refused_;
  if (length == 0) {  // RFC 3501 has no empty message; servers cancel the APPEND or refuse it
    Reply empty;
    empty.status = Reply::Status::no;
    empty.code = "CANNOT";
    empty.text = "an empty message cannot be appended";
    co_return empty;
  }
  std::string words =
      flag_list(flags) + " \"" + date.text() + "\" " + literal_mark(wire_->literals, length) + "\r\n";
  open_ = true;
  Closing closing(*wire_);
  auto refused = co_await write_head(std::move(words), length);
  closing.done();
  if (refused) {
    if (multi_) refused_ = refused;
    if (multi_ || tags_.empty()) open_ = false;
    co_return refused;
  }
  left_ = length;
  state_ = State::body;
  co_return std::nullopt;
}

// The command's head up to the literal; for MULTIAPPEND only the first message has the folder before it.
Task<std::optional<Reply>> AppendStreamImpl::write_head(std::string words, std::uint64_t length) {
  std::string tag;
  if (multi_ && !tags_.empty()) {
    tag = tags_.front();
    co_await wire_->put(" " + words);
  } else {
    Command head("APPEND", wire_->literals);
    head.folder(folder_);
    tag = wire_->start("APPEND");
    co_await wire_->put(tag + " ");
    const auto& parts = head.parts();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      co_await wire_->put(parts[i]);
      if (i + 1 == parts.size()) break;
      const bool granted = co_await wire_->go_ahead(tag);
      if (!granted) co_return co_await wire_->reply(tag);
    }
    co_await wire_->put(" " + words);
  }
  if (!goes_unasked(wire_->literals, length)) {
    const bool granted = co_await wire_->go_ahead(tag);
    if (!granted) co_return co_await wire_->reply(tag);
  }
  if (!multi_ || tags_.empty()) tags_.push_back(std::move(tag));
  co_return std::nullopt;
}

Task<void> AppendStreamImpl::octets(std::string_view octets) {
  if (octets.empty()) co_return;
  require(State::body, "octets()");
  if (octets.size() > left_) throw std::logic_error("append stream: more octets than announced");
  left_ -= octets.size();
  if (left_ == 0) {
    withheld_ = octets.back();
    octets.remove_suffix(1);
    state_ = State::held;
  }
  Closing closing(*wire_);
  co_await wire_->put(octets);
  // The last message's octets travel while the caller commits.
  if (state_ == State::held && begun_ >= expected_) co_await wire_->flush();
  closing.done();
}

Task<void> AppendStreamImpl::release() {
  require(State::held, "release()");
  state_ = State::between;
  std::string last(1, withheld_);
  if (!multi_) last += "\r\n";
  Closing closing(*wire_);
  co_await wire_->put(last);
  if (!multi_ && begun_ >= expected_) co_await wire_->flush();
  closing.done();
}

Task<std::vector<Reply>> AppendStreamImpl::finish() {
  require(State::between, "finish()");
  std::vector<Reply> replies;
  if (refused_) {
    replies.push_back(*refused_);
    co_return replies;
  }
  Closing closing(*wire_);
  if (multi_ && !tags_.empty()) co_await wire_->put("\r\n");
  for (const auto& tag : tags_) replies.push_back(co_await wire_->reply(tag));
  closing.done();
  open_ = false;
  co_return replies;
}

}  // namespace

std::unique_ptr<AppendStream> make_append_stream(std::shared_ptr<Connection> wire, std::string wire_folder,
                                                 std::size_t expected, bool multi) {
  return std::make_unique<AppendStreamImpl>(std::move(wire), std::move(wire_folder), expected, multi);
}

}  // namespace mirror::imap
