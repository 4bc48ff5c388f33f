// SPDX-License-Identifier: Apache-2.0
#pragma once

// with_timeout(task, limit, what): the task's result, its exception at once when it fails first, or Failed
// with MRD-NET-002 (named what) after the limit. The task is cancelled and awaited before this returns, so a
// task that ignores cancellation makes it late. A task that ends well in spite of the limit gives its result:
// octets read in the last moment are not lost. Cancelling the caller cancels the task. sleep_for(d): a
// cancellable pause.

#include <chrono>
#include <string>

#include "net/task.hpp"

namespace mirror::net {

using Millis = std::chrono::milliseconds;

template <class T>
Task<T> with_timeout(Task<T> task, Millis limit,
                     std::string what);  // defined in timeout_detail.hpp, included below

Task<void> sleep_for(Millis pause);

}  // namespace mirror::net

#include "net/timeout_detail.hpp"
