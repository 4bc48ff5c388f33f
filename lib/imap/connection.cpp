// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/fault.hpp"
#include "imap/connection_detail.hpp"
#include "net/timeout.hpp"

namespace mirror::imap {

using base::Failed;
using base::Failure;

namespace {

constexpr std::size_t k_write_at = std::size_t{64} << 10;
constexpr std::size_t k_read_size = std::size_t{32} << 10;

std::string_view result_word(const Reply& reply) {
  return reply.ok() ? "OK" : reply.status == Reply::Status::no ? "NO" : "BAD";
}

// A whole line or a whole literal was read.
bool completes(const ResponseEvent& event) {
  return std::holds_alternative<Response>(event) || std::holds_alternative<BodyEnd>(event);
}

}  // namespace

void throw_failed(std::string_view code, std::string detail) {
  throw Failed(Failure(code, std::move(detail)));
}

Connection::Connection(Access access, std::unique_ptr<net::Stream> stream)
    : access_(std::move(access)), stream_(std::move(stream)) {}

void Connection::close() noexcept {
  usable_ = false;
  out_.clear();
  stream_->close();
}

// Sockets and the parser know no store: whoever is told must know which one it was.
void Connection::throw_named(const Failure& failure) const {
  throw Failed(with_store(failure, access_.store));
}

void Connection::require_usable() const {
  if (!usable_) throw_failed("MRD-NET-003", access_.store + ": the session was closed");
}

std::string Connection::start(std::string_view name) {
  require_usable();
  if (access_.observe) access_.observe(name, {});
  return conversation_.start(name);
}

Task<void> Connection::put(std::string_view octets) {
  require_usable();
  while (!octets.empty()) {
    const std::string_view piece = octets.substr(0, k_write_at - out_.size());
    out_.append(piece);
    octets.remove_prefix(piece.size());
    if (out_.size() >= k_write_at) co_await flush();
  }
}

Task<void> Connection::flush() {
  if (out_.empty()) co_return;
  require_usable();
  if (access_.limit_out != nullptr) {
    co_await access_.limit_out->take(out_.size());
    require_usable();
  }
  const std::string leaving = std::exchange(out_, {});
  turned_ = true;
  try {
    co_await net::with_timeout(stream_->write(leaving), access_.command_limit,
                               access_.store + " does not read");
  } catch (const Failed& failed) {
    throw_named(failed.failure());
  }
  require_usable();
  if (base::fault_step(access_.store, access_.purpose + "flush") == base::Lost::connection) stream_->close();
}

Task<std::string> Connection::send(Command command) {
  const std::string tag = start(command.name());
  co_await put(tag + " ");
  const auto& parts = command.parts();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    co_await put(parts[i]);
    if (i + 1 == parts.size()) continue;
    const bool granted = co_await go_ahead(tag);
    if (!granted) co_return tag;
  }
  co_await put("\r\n");
  co_return tag;
}

Task<bool> Connection::go_ahead(std::string tag) {
  conversation_.await_go_ahead(tag);
  while (!conversation_.take_go_ahead(tag)) {
    if (conversation_.answered(tag)) co_return false;
    co_await next_event();
  }
  co_return true;
}

Task<Reply> Connection::reply(std::string tag) {
  for (;;) {
    auto reply = conversation_.take_reply(tag);
    if (reply) {
      reply->store = access_.store;
      co_return std::move(*reply);
    }
    co_await next_event();
  }
}

Task<Reply> Connection::run(Command command) {
  std::string tag = co_await send(std::move(command));
  co_return co_await reply(std::move(tag));
}

std::optional<ResponseEvent> Connection::ready_event() {
  auto event = parser_.next();
  if (event.has_error()) throw_named(event.error());
  if (event->has_value()) {
    if (completes(**event) &&
        base::fault_step(access_.store, access_.purpose + "line") == base::Lost::connection)
      stream_->close();
    account(**event);
  }
  return std::move(*event);
}

Task<ResponseEvent> Connection::next_event() {
  for (;;) {
    auto event = ready_event();
    if (event) co_return std::move(*event);
    require_usable();
    co_await flush();
    if (turned_) ++round_trips_;
    turned_ = false;
    co_await net::with_timeout(read(), access_.command_limit, access_.store + " is silent");
  }
}

Task<bool> Connection::wait_for_octets(std::chrono::milliseconds limit) {
  require_usable();
  co_await flush();
  turned_ = false;  // waiting for events costs the server no turn
  try {
    co_await net::with_timeout(read(), limit, "watch");
  } catch (const Failed& failed) {
    if (failed.failure().code() != "MRD-NET-002") throw;
    co_return false;
  }
  co_return true;
}

// Cancelling it between reads loses nothing: octets reach the parser only when the read is complete.
Task<void> Connection::read() {
  in_.resize(k_read_size);
  std::size_t count = 0;
  try {
    count = co_await stream_->read_some(std::span(in_.data(), in_.size()));
  } catch (const Failed& failed) {
    throw_named(failed.failure());
  }
  require_usable();
  if (count == 0) {
    const auto& bye = conversation_.bye();
    if (bye) throw Failed(failure_of_bye(*bye, access_.store));
    throw_failed("MRD-NET-003", access_.store + " closed the connection");
  }
  parser_.feed(std::string_view(in_.data(), count));
  if (access_.limit_in != nullptr) co_await access_.limit_in->take(count);
}

void Connection::account(const ResponseEvent& event) {
  const auto* response = std::get_if<Response>(&event);
  if (response == nullptr) return;
  const auto meaning = conversation_.accept(*response);
  if (meaning.has_error()) throw_named(meaning.error());
  switch (*meaning) {
    case Conversation::Meaning::reply:
      if (access_.observe)
        access_.observe(conversation_.name_of(response->tag), result_word(response->reply));
      break;
    case Conversation::Meaning::bye:
      if (!bye_expected_) throw Failed(failure_of_bye(response->reply, access_.store));
      break;
    case Conversation::Meaning::go_ahead:
      challenge_ = response->rest;
      break;
    case Conversation::Meaning::data:
      break;
  }
  if (on_any) on_any(*response);
  if (on_data && response->kind == Response::Kind::untagged) on_data(*response);
}

Task<void> Connection::start_tls() {
  // RFC 9051 section 11.1: what was injected before TLS must not be taken for the server's.
  if (parser_.discard()) throw_failed("MRD-IMAP-001", access_.store + ": data behind the reply to STARTTLS");
  co_await net::with_timeout(stream_->start_tls(access_.endpoint), access_.connect_limit,
                             access_.store + " TLS");
}

}  // namespace mirror::imap
