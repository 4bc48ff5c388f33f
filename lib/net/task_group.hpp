// SPDX-License-Identifier: Apache-2.0
#pragma once

// TaskGroup: dynamic children that cannot outlive it. Every child has a cancellation slot; the first real
// exception of a child cancels its siblings and is rethrown by join(). A group is joined before it is
// destroyed. This is the only place that spawns.

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "net/task.hpp"

namespace mirror::net {

class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // name is for the log. The task owns what it uses (values, not references to locals of the spawner).
  void spawn(std::string name, Task<void> task);
  void cancel();             // asks every child to stop; children may still do short clean-up
  std::size_t size() const;  // children still running
  // Waits until every child has ended; rethrows the first real exception (never operation_aborted). If the
  // waiter is cancelled, the children are cancelled and still awaited.
  Task<void> join();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mirror::net
