// SPDX-License-Identifier: Apache-2.0
#pragma once

// The template half of timeout.hpp; include that.

#include <optional>
#include <type_traits>
#include <utility>

#include "net/task.hpp"

namespace mirror::net::detail {

// Runs the task beside a timer and waits for both to end. Rethrows the task's exception unless the limit came
// first and the task failed, which is Failed MRD-NET-002.
Task<void> run_limited(Task<void> task, std::chrono::milliseconds limit, std::string what);

template <class T>
Task<void> keep_result(Task<T> task, std::optional<T>* into) {
  into->emplace(co_await std::move(task));
}

}  // namespace mirror::net::detail

namespace mirror::net {

template <class T>
Task<T> with_timeout(Task<T> task, Millis limit, std::string what) {
  if constexpr (std::is_void_v<T>) {
    co_await detail::run_limited(std::move(task), limit, std::move(what));
  } else {
    // The result lives in this frame: both children have ended before run_limited returns.
    std::optional<T> result;
    co_await detail::run_limited(detail::keep_result(std::move(task), &result), limit, std::move(what));
    co_return std::move(*result);
  }
}

}  // namespace mirror::net
