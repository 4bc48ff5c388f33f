// SPDX-License-Identifier: Apache-2.0
#pragma once

// Wakes everyone who waits for the event table to grow. A hint: the waiter looks and may find nothing.

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <set>

#include "net/task.hpp"

namespace mirror::http {

class EventSignal {
 public:
  void wake();
  // Returns after wake() or the limit.
  net::Task<void> wait(std::chrono::milliseconds limit);

 private:
  std::set<boost::asio::steady_timer*> waiters_;
};

}  // namespace mirror::http
