// SPDX-License-Identifier: Apache-2.0
#pragma once

// both(a, b): runs two tasks at once and waits for both; the first exception cancels the other and is
// rethrown.

#include <boost/asio/this_coro.hpp>
#include <optional>
#include <utility>

#include "net/task_group.hpp"
#include "net/timeout.hpp"

namespace mirror::net {

template <class A, class B>
Task<std::pair<A, B>> both(Task<A> first, Task<B> second) {
  const auto executor = co_await asio::this_coro::executor;
  std::optional<A> a;
  std::optional<B> b;
  TaskGroup group(executor);
  // The results live in this frame: join() returns only after both have ended.
  group.spawn("first", detail::keep_result(std::move(first), &a));
  group.spawn("second", detail::keep_result(std::move(second), &b));
  co_await group.join();
  co_return std::pair<A, B>(std::move(*a), std::move(*b));
}

}  // namespace mirror::net
