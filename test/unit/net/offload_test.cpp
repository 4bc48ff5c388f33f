// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <catch2/catch.hpp>
#include <latch>
#include <mutex>
#include <thread>

#include "base/failure.hpp"
#include "net/cancelled.hpp"
#include "net/offload.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "support/run.hpp"

using namespace mirror;
using namespace mirror::net;
using namespace std::chrono_literals;

namespace {

Task<std::thread::id> thread_of_work(Offload* offload) {
  std::thread::id id;
  co_await offload->run([&](std::size_t) { id = std::this_thread::get_id(); });
  if (std::this_thread::get_id() == id) throw std::logic_error("came back on the worker");
  co_return id;
}

Task<void> one_job(Offload* offload, std::map<std::size_t, std::set<std::thread::id>>* seen,
                   std::mutex* mutex) {
  co_await offload->run([&](std::size_t worker) {
    const std::lock_guard lock(*mutex);
    (*seen)[worker].insert(std::this_thread::get_id());
  });
}

Task<void> many_jobs(Offload* offload, std::map<std::size_t, std::set<std::thread::id>>* seen) {
  std::mutex mutex;
  TaskGroup group(co_await asio::this_coro::executor);
  for (int i = 0; i < 500; ++i) group.spawn("job", one_job(offload, seen, &mutex));
  co_await group.join();
}

Task<void> throwing(Offload* offload) {
  co_await offload->run([](std::size_t) { throw std::domain_error("from the worker"); });
}

}  // namespace

TEST_CASE("work runs on another thread and comes back on the loop") {
  Offload offload(2);
  CHECK(test::run(thread_of_work(&offload)) != std::this_thread::get_id());
}

TEST_CASE("an exception of the work comes back") {
  Offload offload(1);
  CHECK_THROWS_WITH(test::run(throwing(&offload)), "from the worker");
}

TEST_CASE("a worker's number names one thread for good") {
  Offload offload(4);
  std::map<std::size_t, std::set<std::thread::id>> seen;
  test::run(many_jobs(&offload, &seen));
  CHECK(seen.size() <= 4);
  for (const auto& [worker, threads] : seen) {
    CHECK(worker < 4);
    CHECK(threads.size() == 1);
  }
}

namespace {

Task<void> cancelled_in_flight(Offload* offload, std::latch* started, bool* result_arrived,
                               std::exception_ptr* after) {
  int result = 0;
  co_await offload->run([&](std::size_t) {
    started->count_down();
    std::this_thread::sleep_for(100ms);
    result = 42;
  });
  *result_arrived = result == 42;
  try {
    co_await sleep_for(60s);
  } catch (...) {
    *after = std::current_exception();
  }
}

Task<void> cancel_when_started(Offload* offload, bool* result_arrived, std::exception_ptr* after) {
  std::latch started(1);
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("work", cancelled_in_flight(offload, &started, result_arrived, after));
  while (!started.try_wait()) co_await sleep_for(1ms);
  group.cancel();
  co_await group.join();
}

}  // namespace

TEST_CASE("a cancelled caller still gets the result of work under way, and stops at its next wait") {
  Offload offload(1);
  bool result_arrived = false;
  std::exception_ptr after;
  test::run(cancel_when_started(&offload, &result_arrived, &after));
  CHECK(result_arrived);
  CHECK(is_cancellation(after));
}

namespace {

Task<void> slow_job(Offload* offload, std::atomic<int>* ended) {
  co_await offload->run([ended](std::size_t) {
    std::this_thread::sleep_for(30ms);
    ++*ended;
  });
}

// The order of the daemon: services are cancelled and joined, then the threads.
Task<void> shut_down(Offload* offload, std::atomic<int>* ended) {
  TaskGroup group(co_await asio::this_coro::executor);
  for (int i = 0; i < 6; ++i) group.spawn("job", slow_job(offload, ended));
  co_await sleep_for(10ms);
  group.cancel();
  co_await group.join();
  offload->join();
}

}  // namespace

TEST_CASE("a shutdown with work in flight ends clean") {
  std::atomic<int> ended = 0;
  Offload offload(2);
  test::run(shut_down(&offload, &ended));
  CHECK(ended == 6);
}

TEST_CASE("threads that have ended take no more work") {
  Offload offload(1);
  offload.join();
  offload.join();
  CHECK_THROWS_AS(test::run(throwing(&offload)), base::Failed);
}
