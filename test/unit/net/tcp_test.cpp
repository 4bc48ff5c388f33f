// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <latch>

#include "net/cancelled.hpp"
#include "net/stream.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "peer.hpp"
#include "support/run.hpp"

using namespace mirror;
using namespace mirror::net;
using namespace std::chrono_literals;
using test::Peer;
using test::Wire;

namespace {

Endpoint plain(std::uint16_t port, std::string host = "127.0.0.1") {
  Endpoint endpoint;
  endpoint.host = std::move(host);
  endpoint.port = port;
  endpoint.tls = TlsMode::none;
  return endpoint;
}

Task<void> only_connect(Endpoint endpoint, Millis limit) {
  co_await connect(std::move(endpoint), limit);
}

std::string code_of(Task<void> task) {
  try {
    test::run(std::move(task));
    return "none";
  } catch (const base::Failed& caught) {
    INFO(caught.what());
    return std::string(caught.failure().code());
  }
}

Task<std::string> read_all(Stream* stream) {
  std::string out;
  std::array<char, 1000> part;
  while (const auto got = co_await stream->read_some(part)) out.append(part.data(), got);
  co_return out;
}

Task<std::string> talk(Endpoint endpoint, std::string words) {
  const auto stream = co_await connect(std::move(endpoint), 5s);
  co_await stream->write(words);
  auto answer = co_await read_all(stream.get());
  if (stream->octets_out() != words.size() || stream->octets_in() != answer.size())
    throw std::logic_error("counts");
  if (!stream->peer().address.starts_with("127.0.0.1:")) throw std::logic_error(stream->peer().address);
  co_return answer;
}

}  // namespace

TEST_CASE("a plain connection carries octets both ways, by address and by name") {
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    Peer peer([](Wire& wire) { wire.write("got " + wire.read_exactly(5)); });
    CHECK(test::run(talk(plain(peer.port(), host), "hello")) == "got hello");
  }
}

TEST_CASE("a host that refuses is unreachable") {
  CHECK(code_of(only_connect(plain(test::free_port()), 5s)) == "MRD-NET-001");
}

TEST_CASE("a name that does not exist is said to be so") {
  // A label may have 63 octets: refused by the resolver without asking a server.
  CHECK(code_of(only_connect(plain(143, std::string(70, 'a') + ".invalid"), 10s)) == "MRD-NET-004");
}

TEST_CASE("a host that drops packets is a time-out") {
  // A listener with a full queue leaves further connections without an answer.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&at), size) == 0);
  REQUIRE(::listen(listener, 0) == 0);
  REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ::connect(fillers.back(), reinterpret_cast<sockaddr*>(&at), size);
  }
  CHECK(code_of(only_connect(plain(ntohs(at.sin_port)), 200ms)) == "MRD-NET-002");
  for (const int socket : fillers) ::close(socket);
  ::close(listener);
}

TEST_CASE("a peer that resets the connection is lost") {
  Peer peer([](Wire& wire) {
    wire.read_exactly(5);
    wire.reset();
  });
  try {
    test::run(talk(plain(peer.port()), "hello"));
    FAIL("nothing thrown");
  } catch (const base::Failed& caught) {
    CHECK(caught.failure().code() == "MRD-NET-003");
    CHECK(caught.failure().scope() == base::Scope::store);
    CHECK(caught.failure().retry() == base::Retry::later);
  }
}

namespace {

Task<void> write_after_their_end(Endpoint endpoint) {
  const auto stream = co_await connect(std::move(endpoint), 5s);
  if (co_await read_all(stream.get()) != "bye") throw std::logic_error("words");
  std::array<char, 10> part;
  if (co_await stream->read_some(part) != 0) throw std::logic_error("the end stays the end");
  co_await stream->write("still here");
}

}  // namespace

TEST_CASE("a peer that has ended its side still takes ours") {
  std::string heard;
  {
    Peer peer([&](Wire& wire) {
      wire.write("bye");
      wire.shutdown_write();
      heard = wire.read_exactly(10);
    });
    test::run(write_after_their_end(plain(peer.port())));
  }
  CHECK(heard == "still here");
}

namespace {

Task<void> read_twice(Endpoint endpoint, std::latch* go) {
  const auto stream = co_await connect(std::move(endpoint), 5s);
  std::array<char, 10> part;
  bool timed_out = false;
  try {
    co_await with_timeout(stream->read_some(part), 30ms, "read");
  } catch (const base::Failed& caught) {
    timed_out = caught.failure().code() == "MRD-NET-002";
  }
  if (!timed_out) throw std::logic_error("no time-out");
  go->count_down();
  if (co_await stream->read_some(part) != 5) throw std::logic_error("octets lost");
}

}  // namespace

TEST_CASE("a cancelled read takes nothing and the stream goes on") {
  std::latch go(1);
  Peer peer([&](Wire& wire) {
    go.wait();
    wire.write("hello");
    wire.read();
  });
  test::run(read_twice(plain(peer.port()), &go));
}

namespace {

Task<void> write_without_reader(Endpoint endpoint) {
  const auto stream = co_await connect(std::move(endpoint), 5s);
  const std::string much(64 << 20, 'x');
  co_await with_timeout(stream->write(much), 100ms, "write");
}

}  // namespace

TEST_CASE("a write that nobody reads is cancelled") {
  std::latch ended(1);
  Peer peer([&](Wire&) { ended.wait(); });
  CHECK(code_of(write_without_reader(plain(peer.port()))) == "MRD-NET-002");
  ended.count_down();
}

namespace {

Task<void> close_soon(Stream* stream) {
  co_await sleep_for(20ms);
  stream->close();
}

Task<void> close_under_read(Endpoint endpoint) {
  const auto stream = co_await connect(std::move(endpoint), 5s);
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("closer", close_soon(stream.get()));
  std::exception_ptr error;
  try {
    co_await read_all(stream.get());
  } catch (...) {
    error = std::current_exception();
  }
  co_await group.join();
  if (error) std::rethrow_exception(error);
}

Task<void> note_error(Task<void> task, std::exception_ptr* seen) {
  try {
    co_await std::move(task);
  } catch (...) {
    *seen = std::current_exception();
    throw;
  }
}

Task<void> read_forever(Endpoint endpoint) {
  const auto stream = co_await connect(std::move(endpoint), 5s);
  co_await read_all(stream.get());
}

Task<void> write_forever(Endpoint endpoint) {
  const auto stream = co_await connect(std::move(endpoint), 5s);
  const std::string much(64 << 20, 'x');
  co_await stream->write(much);
}

Task<void> cancel_soon(Task<void> task, std::exception_ptr* seen) {
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("task", note_error(std::move(task), seen));
  co_await sleep_for(50ms);
  group.cancel();
  co_await group.join();
}

}  // namespace

TEST_CASE("closing a stream ends its outstanding read as lost, not as cancelled") {
  Peer peer([](Wire& wire) { wire.read(); });
  CHECK(code_of(close_under_read(plain(peer.port()))) == "MRD-NET-003");
}

TEST_CASE("cancelling a reader, a writer or a sleeper is seen as a cancellation") {
  std::exception_ptr seen;
  SECTION("read") {
    Peer peer([](Wire& wire) { wire.read(); });
    test::run(cancel_soon(read_forever(plain(peer.port())), &seen));
  }
  SECTION("write") {
    std::latch ended(1);
    Peer peer([&](Wire&) { ended.wait(); });
    test::run(cancel_soon(write_forever(plain(peer.port())), &seen));
    ended.count_down();
  }
  SECTION("timer") {
    test::run(cancel_soon(sleep_for(60s), &seen));
  }
  SECTION("handshake") {
    Peer peer([](Wire& wire) {
      while (!wire.read().empty()) {
      }
    });
    auto endpoint = plain(peer.port());
    endpoint.tls = TlsMode::implicit;
    test::run(cancel_soon(only_connect(endpoint, 60s), &seen));
  }
  CHECK(is_cancellation(seen));
}

namespace {

Task<std::size_t> read_much(Endpoint endpoint, int* ticks) {
  const auto stream = co_await connect(std::move(endpoint), 5s);
  std::array<char, 16> part;  // small, so that data is always waiting
  std::size_t total = 0;
  const int before = *ticks;
  while (const auto got = co_await stream->read_some(part)) total += got;
  if (*ticks == before) throw std::logic_error("the loop stood still");
  co_return total;
}

Task<void> tick(int* ticks) {
  for (;;) {
    co_await sleep_for(1ms);
    ++*ticks;
  }
}

Task<std::size_t> read_beside_ticks(Endpoint endpoint) {
  int ticks = 0;
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("tick", tick(&ticks));
  const auto total = co_await read_much(std::move(endpoint), &ticks);
  group.cancel();
  co_await group.join();
  co_return total;
}

}  // namespace

TEST_CASE("a stream with data always waiting leaves the loop to others") {
  const std::string much(2 << 20, 'x');
  Peer peer([&](Wire& wire) { wire.write(much); });
  CHECK(test::run(read_beside_ticks(plain(peer.port()))) == much.size());
}
