// SPDX-License-Identifier: Apache-2.0
#pragma once

// LISTEN on a connection of its own (libpq, non-blocking on the loop). A NOTIFY is a hint: the tables are the
// truth, and everyone who waits also polls slowly. After a lost connection on_wake("") says: look at
// everything.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "net/offload.hpp"
#include "net/task.hpp"

namespace mirror::db {

struct ListenSettings {
  std::string connection;
  std::vector<std::string> channels;
  std::chrono::milliseconds reconnect{1000};
};

// Runs until cancelled. on_wake(channel, payload) is called on the loop.
net::Task<void> listen(ListenSettings settings, net::Offload& offload,
                       std::function<void(const std::string& channel, const std::string& payload)> on_wake);

}  // namespace mirror::db
