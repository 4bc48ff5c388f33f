// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/failure.hpp"
#include "net/cancelled.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "support/run.hpp"

using namespace mirror;
using namespace mirror::net;
using namespace std::chrono_literals;

namespace {

Task<int> value_after(Millis pause, int value) {
  co_await sleep_for(pause);
  co_return value;
}

Task<int> error_after(Millis pause) {
  co_await sleep_for(pause);
  throw std::domain_error("broken");
}

class NoDefault {
 public:
  explicit NoDefault(std::unique_ptr<int> inner) : inner_(std::move(inner)) {}
  int get() const { return *inner_; }

 private:
  std::unique_ptr<int> inner_;
};

Task<NoDefault> awkward_result() {
  co_await sleep_for(1ms);
  co_return NoDefault(std::make_unique<int>(9));
}

// Takes longer than asked and cannot be stopped, like work on another thread.
Task<int> deaf(Millis pause, int value) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await sleep_for(pause);
  co_return value;
}

Task<int> deaf_and_broken(Millis pause) {
  co_await deaf(pause, 0);
  throw std::domain_error("too late");
}

Task<void> note_cancellation(bool* cancelled) {
  try {
    co_await sleep_for(60s);
  } catch (const boost::system::system_error& error) {
    *cancelled = error.code() == asio::error::operation_aborted;
    throw;
  }
}

std::string failure_of(Task<int> task) {
  try {
    test::run(std::move(task));
    return "none";
  } catch (const base::Failed& caught) {
    return std::string(caught.failure().code()) + " " + caught.failure().detail();
  }
}

}  // namespace

TEST_CASE("a task in time gives its value") {
  CHECK(test::run(with_timeout(value_after(1ms, 5), 10s, "x")) == 5);
  CHECK(test::run(with_timeout(awkward_result(), 10s, "x")).get() == 9);
  test::run(with_timeout(sleep_for(1ms), 10s, "x"));
}

TEST_CASE("a task that fails first gives its own error at once") {
  // The deadline is far below the limit: had the error waited for the timer, the run would fail otherwise.
  CHECK_THROWS_AS(test::run(with_timeout(error_after(10ms), 60s, "x"), 10s), std::domain_error);
}

TEST_CASE("a task past its limit is cancelled and named") {
  CHECK(failure_of(with_timeout(value_after(60s, 1), 20ms, "greeting of prod")) ==
        "MRD-NET-002 greeting of prod: no end after 20 ms");
  bool cancelled = false;
  CHECK_THROWS_AS(test::run(with_timeout(note_cancellation(&cancelled), 20ms, "x")), base::Failed);
  CHECK(cancelled);
}

TEST_CASE("a task that ignores cancellation is waited for and keeps its result") {
  CHECK(test::run(with_timeout(deaf(100ms, 7), 10ms, "x")) == 7);
  CHECK(failure_of(with_timeout(deaf_and_broken(100ms), 10ms, "x")) == "MRD-NET-002 x: no end after 10 ms");
}

TEST_CASE("the inner of two limits decides") {
  CHECK(failure_of(with_timeout(with_timeout(value_after(60s, 1), 20ms, "inner"), 30s, "outer")) ==
        "MRD-NET-002 inner: no end after 20 ms");
  CHECK(failure_of(with_timeout(with_timeout(value_after(60s, 1), 30s, "inner"), 20ms, "outer")) ==
        "MRD-NET-002 outer: no end after 20 ms");
}

namespace {

Task<void> limited(Task<void> task, std::exception_ptr* seen) {
  try {
    co_await with_timeout(std::move(task), 60s, "x");
  } catch (...) {
    *seen = std::current_exception();
    throw;
  }
}

Task<void> cancel_from_outside(Task<void> task, std::exception_ptr* seen) {
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("limited", limited(std::move(task), seen));
  co_await sleep_for(20ms);
  group.cancel();
  co_await group.join();
}

}  // namespace

TEST_CASE("cancelling the caller cancels the task and is no time-out") {
  bool cancelled = false;
  std::exception_ptr seen;
  test::run(cancel_from_outside(note_cancellation(&cancelled), &seen));
  CHECK(cancelled);
  CHECK(is_cancellation(seen));
}
