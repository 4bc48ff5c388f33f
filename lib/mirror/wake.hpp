// SPDX-License-Identifier: Apache-2.0
#pragma once

// A level-triggered wake-up on the loop: signal() is remembered until somebody waited. One waiter.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "net/task.hpp"

namespace mirror::engine {

class Wake {
 public:
  explicit Wake(const net::asio::any_io_executor& executor) : timer_(executor) {}
  void signal();
  // Returns after a signal (also one given before), or after the limit.
  net::Task<void> wait(std::chrono::milliseconds limit);

 private:
  net::asio::steady_timer timer_;
  bool signalled_ = false;
};

}  // namespace mirror::engine
