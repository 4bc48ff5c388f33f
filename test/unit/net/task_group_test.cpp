// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "net/cancelled.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "support/run.hpp"

using namespace mirror;
using namespace mirror::net;
using namespace std::chrono_literals;

namespace {

Task<void> count_after(Millis pause, int* counter) {
  co_await sleep_for(pause);
  ++*counter;
}

Task<void> fail_after(Millis pause, std::string words) {
  co_await sleep_for(pause);
  throw std::domain_error(words);
}

// Runs until cancelled, then does a farewell that needs the loop.
Task<void> farewell(int* done) {
  try {
    co_await sleep_for(60s);
  } catch (const boost::system::system_error&) {
  }
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await sleep_for(10ms);
  ++*done;
}

Task<void> fail_at_once() {
  throw std::domain_error("at once");
  co_return;
}

Task<void> group_of_three(int* counter) {
  TaskGroup group(co_await asio::this_coro::executor);
  for (int i = 0; i < 3; ++i) group.spawn("count", count_after(Millis(i), counter));
  if (group.size() != 3) throw std::logic_error("size");
  co_await group.join();
  if (group.size() != 0) throw std::logic_error("size at the end");
  co_await group.join();  // nothing left: at once
}

Task<void> siblings(Task<void> bad, int* done) {
  TaskGroup group(co_await asio::this_coro::executor);
  for (int i = 0; i < 50; ++i) group.spawn("farewell", farewell(done));
  group.spawn("bad", std::move(bad));
  co_await group.join();
}

}  // namespace

TEST_CASE("a group waits for all its children") {
  int counter = 0;
  test::run(group_of_three(&counter));
  CHECK(counter == 3);
}

TEST_CASE("a child's exception cancels its siblings and comes out after their clean-up") {
  int done = 0;
  CHECK_THROWS_WITH(test::run(siblings(fail_after(10ms, "broken"), &done)), "broken");
  CHECK(done == 50);
}

TEST_CASE("a child that fails before its first wait does so too") {
  int done = 0;
  CHECK_THROWS_WITH(test::run(siblings(fail_at_once(), &done)), "at once");
}

namespace {

Task<void> two_errors() {
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("second", fail_after(40ms, "second"));
  group.spawn("first", fail_after(10ms, "first"));
  co_await group.join();
}

Task<void> cancelled_group(int* done) {
  TaskGroup group(co_await asio::this_coro::executor);
  for (int i = 0; i < 5; ++i) group.spawn("farewell", farewell(done));
  group.spawn("sleeper", sleep_for(60s));
  co_await sleep_for(10ms);
  group.cancel();
  co_await group.join();
}

Task<void> late_spawn(int* counter) {
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("sleeper", sleep_for(60s));
  group.cancel();
  group.spawn("late", count_after(60s, counter));
  co_await group.join();
  group.spawn("again", count_after(1ms, counter));  // a joined group may be used again
  co_await group.join();
}

Task<void> inner_group(int* done) {
  TaskGroup group(co_await asio::this_coro::executor);
  for (int i = 0; i < 5; ++i) group.spawn("farewell", farewell(done));
  co_await group.join();
}

Task<void> note_end(Task<void> task, std::exception_ptr* seen) {
  try {
    co_await std::move(task);
  } catch (...) {
    *seen = std::current_exception();
    throw;
  }
}

Task<void> cancel_the_joiner(int* done, std::exception_ptr* seen) {
  TaskGroup outer(co_await asio::this_coro::executor);
  outer.spawn("inner", note_end(inner_group(done), seen));
  co_await sleep_for(20ms);
  outer.cancel();
  co_await outer.join();
}

enum class Before { nothing_thrown, reset };

Task<void> join_already_cancelled(int* done, Before before) {
  TaskGroup group(co_await asio::this_coro::executor);
  for (int i = 0; i < 3; ++i) group.spawn("farewell", farewell(done));
  try {
    co_await sleep_for(60s);
  } catch (const boost::system::system_error&) {
  }
  if (before == Before::nothing_thrown) {
    co_await asio::this_coro::throw_if_cancelled(false);
  } else {
    co_await asio::this_coro::reset_cancellation_state();
    group.cancel();
  }
  co_await group.join();
}

Task<void> cancel_before_join(int* done, Before before) {
  TaskGroup outer(co_await asio::this_coro::executor);
  outer.spawn("inner", join_already_cancelled(done, before));
  co_await sleep_for(20ms);
  outer.cancel();
  co_await outer.join();
}

}  // namespace

TEST_CASE("the first of two errors comes out") {
  CHECK_THROWS_WITH(test::run(two_errors()), "first");
}

TEST_CASE("a cancelled group ends without an error") {
  int done = 0;
  test::run(cancelled_group(&done));
  CHECK(done == 5);
}

TEST_CASE("a child spawned while the group stops is stopped too") {
  int counter = 0;
  test::run(late_spawn(&counter));
  CHECK(counter == 1);
}

TEST_CASE("cancelling the one who joins cancels the children and still waits for them") {
  int done = 0;
  std::exception_ptr seen;
  test::run(cancel_the_joiner(&done, &seen));
  CHECK(done == 5);
  CHECK(is_cancellation(seen));
}

TEST_CASE("a join after the cancellation waits for the children too") {
  int done = 0;
  test::run(cancel_before_join(&done, GENERATE(Before::nothing_thrown, Before::reset)));
  CHECK(done == 3);
}

namespace {

Task<void> forgets_to_join(int* done) {
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("farewell", farewell(done));
}

}  // namespace

TEST_CASE("children of a group that nobody joined are told to stop") {
  int done = 0;
  test::run(forgets_to_join(&done));  // the loop goes on until they have
  CHECK(done == 1);
}
