// SPDX-License-Identifier: Apache-2.0
#include "ldap/connection.hpp"

#include <boost/asio/this_coro.hpp>

#include "ldap/connection_detail.hpp"
#include "net/timeout.hpp"

namespace mirror::ldap {

namespace {

using base::Failed;
using base::Failure;

struct One : Sink {
  std::optional<Entry> entry;
  Task<void> take(Entry found) override {
    entry = std::move(found);
    co_return;
  }
};

bool over_tls(const net::Stream& stream) {
  return !stream.peer().protocol.empty();
}

// The server is there and says that it cannot now.
bool for_now(Code code) {
  constexpr int k_other = 80;
  return code == Code::busy || code == Code::unavailable || code == Code::operations_error ||
         code == Code::time_limit_exceeded || code == Code::admin_limit_exceeded ||
         static_cast<int>(code) == k_other;
}

constexpr const char* k_hung_up = " instead of answering the login: it may not accept the client certificate";

// A server refuses a client certificate after the client's handshake has ended (RFC 8446 4.4.2.4), some
// without a word.
bool hung_up(const net::Endpoint& endpoint, bool silent, const Failure& failure) {
  return !endpoint.tls_settings.certificate_file.empty() && silent &&
         (failure.code() == "MRD-NET-003" || failure.code() == "MRD-NET-006");
}

Failure refusal(std::string_view code, const std::string& words, Code result) {
  return {code, base::Scope::store, for_now(result) ? base::Retry::later : base::Retry::never, words};
}

}  // namespace

Task<Outcome> Connection::State::finish(MessageId id, Sink* sink) {
  Operation operation(co_await net::asio::this_coro::executor);
  Listed listed(*this, id, operation);
  co_await flush();
  std::vector<std::string> references;
  while (true) {
    while (operation.arrived.empty()) co_await wait_for(operation);
    const bool was_crowded = crowded();
    Message message = std::move(operation.arrived.front());
    operation.arrived.pop_front();
    if (operation.arrived.empty()) operation.octets = 0;
    if (was_crowded && !crowded()) wake_one();
    if (message.kind == Message::Kind::result || message.kind == Message::Kind::search_result) {
      listed.finished();
      if ((sink != nullptr) != (message.kind == Message::Kind::search_result)) {
        lose(Failure("MRD-LDAP-002", access.store + ": the answer to another question"));
        require_usable();
      }
      auto& outcome = message.outcome;
      outcome.referrals.insert(outcome.referrals.end(), references.begin(), references.end());
      co_return std::move(outcome);
    }
    if (message.kind == Message::Kind::reference)
      references.insert(references.end(), message.outcome.referrals.begin(), message.outcome.referrals.end());
    else if (sink != nullptr)
      co_await sink->take(std::move(message.entry));
  }
}

Connection::Connection(Access access, std::unique_ptr<net::Stream> stream)
    : state_(std::make_unique<State>(std::move(access), std::move(stream))) {}

Connection::~Connection() = default;

Task<std::unique_ptr<Connection>> Connection::open(Access access) {
  std::optional<Failure> last;
  for (const auto& endpoint : access.endpoints) {
    std::unique_ptr<net::Stream> stream;
    try {
      stream = co_await net::connect(endpoint, access.connect_limit);
    } catch (const Failed& failed) {
      last = failed.failure();
      continue;
    }
    auto connection = std::make_unique<Connection>(access, std::move(stream));
    if (endpoint.tls == net::TlsMode::starttls) co_await connection->start_tls(endpoint);
    const auto before = connection->octets_in();
    try {
      co_await connection->bind();
    } catch (const Failed& failed) {
      if (!hung_up(endpoint, connection->octets_in() == before, failed.failure())) throw;
      throw Failed(Failure(failed.failure().code(), failed.failure().detail() + k_hung_up));
    }
    co_return connection;
  }
  if (last) throw Failed(*last);
  throw Failed(Failure("MRD-NET-001", access.store + ": no address of a directory is set"));
}

Task<void> Connection::start_tls(net::Endpoint endpoint) {
  const auto outcome = co_await state_->finish(state_->codec.start_tls(), nullptr);
  if (!outcome.ok())
    throw Failed(refusal("MRD-LDAP-007", state_->access.store + ": " + outcome.words(), outcome.code));
  // What came before TLS may be anybody's, and must not be taken for what comes through it.
  if (!state_->codec.idle())
    state_->lose(Failure("MRD-LDAP-002", state_->access.store + ": octets before TLS began"));
  state_->require_usable();
  try {
    co_await net::with_timeout(state_->stream->start_tls(endpoint), state_->access.connect_limit,
                               state_->access.store + ": TLS");
  } catch (...) {
    close();
    throw;
  }
}

Task<void> Connection::bind() {
  const auto& access = state_->access;
  if (access.bind == Bind::anonymous) co_return;
  if (access.bind == Bind::simple && !over_tls(*state_->stream) && !access.password_without_tls)
    throw Failed(Failure("MRD-LDAP-005", access.store));
  // Without a name or a password it would be taken for an anonymous bind, and succeed (RFC 4513 5.1.2).
  if (access.bind == Bind::simple && (access.dn.empty() || access.password.empty()))
    throw Failed(Failure("MRD-LDAP-001", access.store + ": no name or no password is set: " + access.dn));
  const auto id = access.bind == Bind::external ? state_->codec.bind_external()
                                                : state_->codec.bind(access.dn, access.password);
  const auto outcome = co_await state_->finish(id, nullptr);
  if (!outcome.ok())
    throw Failed(
        refusal("MRD-LDAP-001", access.store + ": " + access.dn + ": " + outcome.words(), outcome.code));
}

Task<Outcome> Connection::search(SearchRequest request, Sink& sink) {
  state_->require_usable();
  co_return co_await state_->finish(state_->codec.search(request), &sink);
}

Task<Outcome> Connection::add(std::string dn, std::vector<Attribute> attributes,
                              std::vector<Control> controls) {
  state_->require_usable();
  co_return co_await state_->finish(state_->codec.add(dn, attributes, controls), nullptr);
}

Task<Outcome> Connection::modify(std::string dn, std::vector<Modification> changes,
                                 std::vector<Control> controls) {
  state_->require_usable();
  co_return co_await state_->finish(state_->codec.modify(dn, changes, controls), nullptr);
}

Task<Outcome> Connection::rename(Rename rename, std::vector<Control> controls) {
  state_->require_usable();
  co_return co_await state_->finish(state_->codec.rename(rename, controls), nullptr);
}

Task<Outcome> Connection::remove(std::string dn, std::vector<Control> controls) {
  state_->require_usable();
  co_return co_await state_->finish(state_->codec.remove(dn, controls), nullptr);
}

Control Connection::assertion(const std::string& filter) {
  state_->require_usable();
  return state_->codec.assertion(filter);
}

Task<void> Connection::farewell() {
  if (state_->lost || state_->writing) co_return close();
  try {
    co_await net::with_timeout(state_->stream->write(state_->codec.farewell()), std::chrono::seconds(2),
                               "unbind");
  } catch (const Failed&) {
    // It is gone already, as we want to be.
  } catch (...) {
    close();
    throw;
  }
  close();
}

void Connection::close() noexcept {
  state_->lose(Failure("MRD-NET-003", "the session was closed"));
}

bool Connection::usable() const noexcept {
  return !state_->lost;
}

const net::PeerInfo& Connection::peer() const noexcept {
  return state_->stream->peer();
}

std::uint64_t Connection::octets_in() const noexcept {
  return state_->stream->octets_in();
}

std::uint64_t Connection::octets_out() const noexcept {
  return state_->stream->octets_out();
}

Task<std::optional<Entry>> read_entry(Connection& connection, std::string dn,
                                      std::vector<std::string> attributes, std::string filter) {
  SearchRequest request;
  request.base = dn;
  request.scope = Scope::base;
  request.filter = std::move(filter);
  request.attributes = std::move(attributes);
  One one;
  const auto outcome = co_await connection.search(std::move(request), one);
  if (outcome.code == Code::no_such_object) co_return std::nullopt;
  if (!outcome.ok()) throw Failed(Failure("MRD-LDAP-006", dn + ": " + outcome.words()));
  co_return std::move(one.entry);
}

}  // namespace mirror::ldap
