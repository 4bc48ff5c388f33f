// SPDX-License-Identifier: Apache-2.0
#pragma once

// Many pieces of work, so many of them at once.

#include <boost/asio/this_coro.hpp>
#include <cstddef>

#include "net/task_group.hpp"

namespace mirror::directory {

namespace detail {

template <class Work>
net::Task<void> work_off(std::size_t* next, std::size_t count, Work* work) {
  while (*next < count) co_await (*work)((*next)++);
}

}  // namespace detail

// work(0) .. work(count - 1), begun in this order. The first exception ends all and is rethrown, after the
// last has let go. work outlives the call.
template <class Work>
net::Task<void> for_each_at_once(std::size_t count, std::size_t window, Work& work) {
  net::TaskGroup group(co_await net::asio::this_coro::executor);
  std::size_t next = 0;
  for (std::size_t i = 0; i < std::min(window, count); ++i)
    group.spawn("window", detail::work_off(&next, count, &work));
  co_await group.join();
}

}  // namespace mirror::directory
