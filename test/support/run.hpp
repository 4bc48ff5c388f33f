// SPDX-License-Identifier: Apache-2.0
#pragma once

// run(task, deadline): drives a loop of its own until the task has ended, gives its result or rethrows. A
// task that hangs is cancelled at the deadline and fails the test with std::runtime_error; the deadline
// bounds a hang and asserts no speed.

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "net/task.hpp"

namespace mirror::test {

inline void run_loop(boost::asio::io_context& loop, net::Task<void> task,
                     std::chrono::milliseconds deadline) {
  std::optional<std::exception_ptr> ended;
  boost::asio::cancellation_signal stop;
  boost::asio::co_spawn(loop, std::move(task),
                        boost::asio::bind_cancellation_slot(
                            stop.slot(), [&](const std::exception_ptr& error) { ended = error; }));
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (!ended && std::chrono::steady_clock::now() < until && loop.run_one_until(until) > 0) {
  }
  if (ended) {
    loop.run_for(std::chrono::seconds(2));  // what the task left behind on the loop
    if (*ended) std::rethrow_exception(*ended);
    return;
  }
  stop.emit(boost::asio::cancellation_type::terminal);
  loop.run_for(std::chrono::seconds(2));
  throw std::runtime_error("the task did not end before its deadline");
}

template <class T>
net::Task<void> keep(net::Task<T> task, std::optional<T>* into) {
  into->emplace(co_await std::move(task));
}

template <class T>
T run(net::Task<T> task, std::chrono::milliseconds deadline = std::chrono::seconds(20)) {
  boost::asio::io_context loop(1);
  if constexpr (std::is_void_v<T>) {
    run_loop(loop, std::move(task), deadline);
  } else {
    std::optional<T> result;
    run_loop(loop, keep(std::move(task), &result), deadline);
    return std::move(*result);
  }
}

}  // namespace mirror::test
