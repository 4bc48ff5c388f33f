// SPDX-License-Identifier: Apache-2.0
// One of those who wait reads for all; one of those who send writes for all.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/fault.hpp"
#include "ldap/connection_detail.hpp"
#include "net/cancelled.hpp"
#include "net/timeout.hpp"

namespace mirror::ldap {

namespace {

using base::Failed;
using base::Failure;

constexpr std::size_t k_read_size = std::size_t{64} << 10;
// Read ahead for one operation whose sink is slow.
constexpr std::size_t k_most_entries = 1000;
constexpr std::size_t k_most_octets = std::size_t{4} << 20;

std::size_t octets_of(const Entry& entry) {
  std::size_t octets = entry.dn.size();
  for (const auto& attribute : entry.attributes)
    for (const auto& value : attribute.values) octets += value.size() + 16;
  return octets;
}

// A role that one coroutine has at a time, given back however it ends.
class Role {
 public:
  explicit Role(bool& taken) : taken_(taken) { taken_ = true; }
  ~Role() { taken_ = false; }
  Role(const Role&) = delete;
  Role& operator=(const Role&) = delete;

 private:
  bool& taken_;
};

// Woken once: the next to be woken is another one.
void wake(Operation& operation) {
  operation.waiting = false;
  operation.changed.cancel();
}

// RFC 4511 4.4.1
constexpr std::string_view k_farewell_of_server = "the server ends the conversation: ";

}  // namespace

Connection::State::State(Access with, std::unique_ptr<net::Stream> over)
    : access(std::move(with)), stream(std::move(over)), codec(access.largest_message), buffer(k_read_size) {}

void Connection::State::require_usable() const {
  if (lost) throw Failed(*lost);
}

void Connection::State::lose(Failure failure) noexcept {
  if (!lost) lost = std::move(failure);
  stream->close();
  wake_all();
}

void Connection::State::wake_all() {
  for (auto& [id, operation] : operations) wake(*operation);
}

void Connection::State::wake_one() {
  for (auto& [id, operation] : operations) {
    if (!operation->waiting) continue;
    wake(*operation);
    return;
  }
}

bool Connection::State::crowded() const {
  for (const auto& [id, operation] : operations)
    if (operation->arrived.size() > k_most_entries || operation->octets > k_most_octets) return true;
  return false;
}

void Connection::State::dispatch(Message message) {
  if (message.kind == Message::Kind::notice) {
    lose(Failure("MRD-LDAP-004",
                 access.store + ": " + std::string(k_farewell_of_server) + message.outcome.words()));
    return;
  }
  const auto found = operations.find(message.id);
  if (found == operations.end()) return;  // abandoned
  auto& operation = *found->second;
  if (message.kind == Message::Kind::entry) operation.octets += octets_of(message.entry);
  operation.arrived.push_back(std::move(message));
  wake(operation);
}

void Connection::State::take(std::string_view octets) {
  try {
    codec.feed(octets);
    while (auto message = codec.next()) dispatch(std::move(*message));
  } catch (const Failed& failed) {
    lose(failed.failure());
  } catch (...) {
    // What was taken from the stream is gone: nobody may believe that he got all of it.
    lose(Failure("MRD-LDAP-002", access.store + ": an answer could not be kept"));
    throw;
  }
}

Task<void> Connection::State::read_once() {
  std::size_t count = 0;
  try {
    count = co_await net::with_timeout(stream->read_some(buffer), access.silence_limit,
                                       access.store + " does not answer");
    if (count == 0) throw Failed(Failure("MRD-NET-003", access.store + " closed the connection"));
  } catch (const Failed& failed) {
    lose(failed.failure());
    co_return;
  }
  if (base::fault_step(access.store, access.purpose + "read") == base::Lost::connection) stream->close();
  take({buffer.data(), count});
}

Task<void> Connection::State::wait_for(Operation& operation) {
  require_usable();
  if (!reading && !crowded()) {
    {
      const Role reader(reading);
      co_await read_once();
    }
    // Whoever waits takes over when this one has what it wants.
    if (operation.arrived.empty())
      require_usable();
    else
      wake_one();
    co_return;
  }
  const auto state = co_await net::asio::this_coro::cancellation_state;
  // Whoever reads gives a silent server up.
  operation.changed.expires_after(access.silence_limit);
  operation.waiting = true;
  co_await operation.changed.async_wait(net::asio::as_tuple(net::asio::use_awaitable));
  operation.waiting = false;
  if (state.cancelled() != net::asio::cancellation_type::none) net::throw_cancelled();
  if (operation.arrived.empty()) require_usable();
}

Task<void> Connection::State::flush() {
  require_usable();
  if (writing) co_return;
  const Role writer(writing);
  try {
    for (auto octets = codec.take_output(); !octets.empty(); octets = codec.take_output()) {
      co_await net::with_timeout(stream->write(octets), access.silence_limit,
                                 access.store + " does not read");
      if (base::fault_step(access.store, access.purpose + "flush") == base::Lost::connection) stream->close();
    }
  } catch (const Failed& failed) {
    lose(failed.failure());
    throw;
  } catch (...) {
    // Half a request may have left: nothing can follow it.
    lose(Failure("MRD-NET-003", access.store + ": the session was closed"));
    throw;
  }
}

}  // namespace mirror::ldap
