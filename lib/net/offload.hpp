// SPDX-License-Identifier: Apache-2.0
#pragma once

// Offload: the only bridge off the loop (database drivers, password hashing, hooks). Blocking work runs on
// one of N threads; its result or exception comes back on the loop. Once queued the await ignores
// cancellation: the closure and its result live in the awaiting frame. join() before the io_context dies.

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>

#include "net/task.hpp"

namespace mirror::net {

class Offload {
 public:
  explicit Offload(std::size_t threads);
  ~Offload();
  Offload(const Offload&) = delete;
  Offload& operator=(const Offload&) = delete;

  // Runs work() on a thread; worker is that thread's index (0..threads-1), so that a thread can own a
  // connection. An exception thrown by work is rethrown here.
  Task<void> run(std::function<void(std::size_t worker)> work);
  void join();  // no more work is taken; waits for what runs

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mirror::net
