// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/failure.hpp"
#include "net/backoff.hpp"
#include "net/cancelled.hpp"
#include "net/rate_limit.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "support/run.hpp"

using namespace mirror;
using namespace mirror::net;
using namespace std::chrono_literals;

TEST_CASE("the pause doubles up to the longest, with jitter in its upper half") {
  Backoff backoff(100ms, 1500ms, 1);
  for (const auto whole : {100, 200, 400, 800, 1500, 1500, 1500}) {
    const auto pause = backoff.next().count();
    CHECK(pause >= whole / 2);
    CHECK(pause <= whole);
  }
  CHECK(backoff.failures() == 7);
  backoff.reset();
  CHECK(backoff.failures() == 0);
  CHECK(backoff.next() <= 100ms);
}

TEST_CASE("the pause neither overflows nor becomes nothing") {
  Backoff backoff(0ms, std::chrono::hours(24 * 365 * 100), 1);
  for (int i = 0; i < 200; ++i) CHECK(backoff.next() >= 1ms);
  Backoff odd(10s, 1s, 1);  // the first wins
  CHECK(odd.next() <= 10s);
}

TEST_CASE("two seeds give different pauses") {
  Backoff one(1000s, 1000s, 1), two(1000s, 1000s, 2);
  CHECK(one.next() != two.next());
}

namespace {

Task<void> take_and_note(RateLimit* limit, std::uint64_t octets, int number, std::vector<int>* order) {
  co_await limit->take(octets);
  order->push_back(number);
}

Task<void> three_in_order(RateLimit* limit, std::vector<int>* order) {
  TaskGroup group(co_await asio::this_coro::executor);
  for (int number = 1; number <= 3; ++number) group.spawn("take", take_and_note(limit, 100, number, order));
  co_await group.join();
}

}  // namespace

TEST_CASE("a limit lets the first octets pass and makes the next wait for them") {
  const base::BootClock clock;
  RateLimit limit(clock, 1000);
  std::vector<int> order;
  const auto start = clock.now();
  test::run(three_in_order(&limit, &order));
  CHECK(order == std::vector<int>{1, 2, 3});
  CHECK(clock.now() - start >= 200ms);  // the third begins when 200 octets have passed
}

TEST_CASE("a debt is paid by time that passes") {
  base::ManualClock clock;
  RateLimit limit(clock, 10);
  test::run(limit.take(1000));  // 100 s from now
  CHECK_THROWS_AS(test::run(with_timeout(limit.take(1), 30ms, "take")), base::Failed);
  clock.advance(101s);
  test::run(limit.take(1), 5s);
}

TEST_CASE("a limit of nothing never waits and a new limit forgives the debt") {
  base::ManualClock clock;
  RateLimit none(clock, 0);
  for (int i = 0; i < 10; ++i) test::run(none.take(1ULL << 60), 5s);
  RateLimit limit(clock, 1);
  test::run(limit.take(1ULL << 60));
  limit.set(1'000'000);
  test::run(limit.take(1), 5s);
  limit.set(0);
  test::run(limit.take(1ULL << 60), 5s);
}

TEST_CASE("one who waits for octets can be cancelled") {
  base::ManualClock clock;
  RateLimit limit(clock, 1);
  test::run(limit.take(3600));
  try {
    test::run(with_timeout(limit.take(1), 30ms, "rate"));
    FAIL("nothing thrown");
  } catch (const base::Failed& caught) {
    CHECK(caught.failure().code() == "MRD-NET-002");
  }
}
