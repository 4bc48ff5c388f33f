// SPDX-License-Identifier: Apache-2.0
#pragma once

// The gate is open only while the site is mirroring as far as this node knows (law 9). Whoever opens
// connections that could write, or schedules work, holds a pass of it; closing waits until all have let go.

#include <cstddef>
#include <cstdint>

#include "base/ids.hpp"

namespace mirror::engine {

class Gate {
 public:
  bool open() const noexcept { return open_; }
  void set_open(bool open) noexcept { open_ = open; }
  // This node's last heartbeat: a database that knows fewer is an older one, and gives no work.
  std::int64_t beat() const noexcept { return beat_; }
  void set_beat(std::int64_t beat) noexcept { beat_ = beat; }
  // Work in flight: counted, so that suspending can wait for a safe point.
  void enter() noexcept { ++inside_; }
  void leave() noexcept { --inside_; }
  std::size_t inside() const noexcept { return inside_; }

 private:
  bool open_ = false;
  std::int64_t beat_ = 0;
  std::size_t inside_ = 0;
};

class Inside {
 public:
  explicit Inside(Gate& gate) : gate_(gate) { gate_.enter(); }
  ~Inside() { gate_.leave(); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  Gate& gate_;
};

}  // namespace mirror::engine
