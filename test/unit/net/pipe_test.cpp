// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "net/cancelled.hpp"
#include "net/stream.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "support/run.hpp"

using namespace mirror;
using namespace mirror::net;
using namespace std::chrono_literals;

namespace {

Task<std::string> read_all(Stream* stream) {
  std::string out;
  std::array<char, 7> part;
  while (const auto got = co_await stream->read_some(part)) out.append(part.data(), got);
  co_return out;
}

Task<void> write_late(Stream* stream, std::string text) {
  co_await sleep_for(10ms);
  co_await stream->write(text);
  stream->close();
}

Task<std::string> there_and_back() {
  const auto executor = co_await asio::this_coro::executor;
  const auto [left, right] = make_pipe(executor);
  TaskGroup group(executor);
  group.spawn("writer", write_late(left.get(), "hello, other end"));
  auto text = co_await read_all(right.get());
  co_await group.join();
  if (right->octets_in() != 16 || left->octets_out() != 16) throw std::logic_error("counts");
  co_return text;
}

Task<std::string> cancelled_read() {
  const auto [left, right] = make_pipe(co_await asio::this_coro::executor);
  std::array<char, 4> part;
  try {
    co_await with_timeout(right->read_some(part), 20ms, "read");
    throw std::logic_error("read something");
  } catch (const base::Failed&) {
  }
  co_await left->write("ab");
  left->close();
  co_return co_await read_all(right.get());
}

Task<void> write_to_closed() {
  const auto [left, right] = make_pipe(co_await asio::this_coro::executor);
  right->close();
  co_await left->write("x");
}

Task<void> close_under_read() {
  const auto executor = co_await asio::this_coro::executor;
  const auto [left, right] = make_pipe(executor);
  TaskGroup group(executor);
  group.spawn("closer", write_late(right.get(), "never read"));
  co_await read_all(right.get());
  co_await group.join();
}

}  // namespace

TEST_CASE("what one end writes the other reads, then the end") {
  CHECK(test::run(there_and_back()) == "hello, other end");
}

TEST_CASE("a cancelled read of a pipe takes nothing") {
  CHECK(test::run(cancelled_read()) == "ab");
}

TEST_CASE("a pipe that is closed is lost") {
  CHECK_THROWS_AS(test::run(write_to_closed()), base::Failed);
  CHECK_THROWS_AS(test::run(close_under_read()), base::Failed);
}
