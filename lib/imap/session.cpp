// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>

#include "imap/list_parser.hpp"
#include "imap/session_detail.hpp"
#include "imap/utf7.hpp"
#include "imap/value_parser.hpp"
#include "net/timeout.hpp"

namespace mirror::imap {

using base::Failed;
using base::Failure;
using base::Result;

SessionImpl::Turn::Turn(SessionImpl& session) : session_(session) {
  if (session_.in_turn_) throw std::logic_error("imap session: a second caller at the same time");
  session_.in_turn_ = true;
}

SessionImpl::Turn::~Turn() {
  session_.in_turn_ = false;
  if (!done_) session_.close();
}

SessionImpl::SessionImpl(Access access, std::unique_ptr<net::Stream> stream)
    : wire_(std::make_shared<Connection>(std::move(access), std::move(stream))) {
  wire_->on_any = [this](const Response& response) { notice(response); };
}

SessionImpl::~SessionImpl() {
  wire_->on_any = nullptr;  // an append stream may hold the connection longer
  wire_->close();
}

bool SessionImpl::has(Cap cap) const noexcept {
  if (!capabilities_.offers(cap) || wire_->access().hidden.contains(cap)) return false;
  if (cap != Cap::qresync && cap != Cap::condstore) return true;
  // CONDSTORE works without ENABLE (RFC 7162 section 3.1); QRESYNC must be enabled.
  return cap == Cap::condstore || enabled_.contains(cap) || enabling_.contains(cap);
}

void SessionImpl::take_capabilities(std::string_view text) {
  capabilities_ = Capabilities::parse(text);
  capabilities_fresh_ = true;
  wire_->literals = has(Cap::literal_plus)    ? LiteralStyle::plus
                    : has(Cap::literal_minus) ? LiteralStyle::minus
                                              : LiteralStyle::synchronising;
}

void SessionImpl::notice(const Response& response) {
  if (response.name == "CAPABILITY") take_capabilities(response.rest);
  if (response.reply.code == "CAPABILITY") take_capabilities(response.reply.code_text);
  if (response.kind == Response::Kind::tagged) {
    if (response.tag == enable_tag_) enabling_.clear();
    return;
  }
  if (response.name == "ENABLED") {
    const auto caps = Capabilities::parse(response.rest);
    for (const Cap cap : {Cap::qresync, Cap::condstore}) {
      if (caps.offers(cap)) enabled_.insert(cap);
    }
  }
  notice_event(response);
}

std::string SessionImpl::wire_name(const std::string& folder) const {
  if (raw_names_.contains(folder)) return folder;
  return encode_utf7(folder).value_or(folder);  // not UTF-8: the octets are the name
}

Task<Reply> SessionImpl::simple(Command command) {
  Turn turn(*this);
  Reply reply = co_await wire_->run(std::move(command));
  turn.done();
  co_return reply;
}

Task<void> SessionImpl::logout() {
  if (!usable()) co_return;
  wire_->expect_bye(true);
  try {
    Turn turn(*this);
    co_await net::with_timeout(wire_->run(command("LOGOUT")), std::chrono::seconds(2), "LOGOUT");
    turn.done();
  } catch (const Failed&) {
    // The peer hung up first or does not answer: what was wanted either way.
  }
  close();
}

Task<Reply> SessionImpl::noop() {
  return simple(command("NOOP"));
}

Task<Result<std::vector<std::pair<std::string, std::string>>>> SessionImpl::id() {
  std::vector<std::pair<std::string, std::string>> fields;
  if (!has(Cap::id)) co_return fields;
  Turn turn(*this);
  Reply reply;
  {
    Listening listening(*wire_, [&](const Response& response) {
      if (response.name == "ID") fields = parse_id(response);
    });
    reply = co_await wire_->run(command("ID").text("(\"name\" \"mirrord\")"));
  }
  turn.done();
  if (!reply.ok()) co_return failure_of(reply, "ID", "");
  co_return fields;
}

Task<std::pair<std::string, char>> SessionImpl::personal_namespace() {
  std::pair<std::string, char> found{"", '\0'};
  if (!has(Cap::namespace_)) co_return found;
  Turn turn(*this);
  {
    Listening listening(*wire_, [&](const Response& response) {
      if (response.name == "NAMESPACE") found = parse_namespace(response);
    });
    co_await wire_->run(command("NAMESPACE"));
  }
  turn.done();
  co_return found;
}

std::unique_ptr<AppendStream> SessionImpl::append(std::string folder, std::size_t expected,
                                                  bool allow_multi) {
  const bool multi = allow_multi && expected > 1 && has(Cap::multiappend);
  return make_append_stream(wire_, wire_name(folder), expected, multi);
}

}  // namespace mirror::imap
