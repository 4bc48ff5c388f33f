// SPDX-License-Identifier: Apache-2.0
#pragma once

// A small HTTP listener that takes POST (and PUT) and nothing else: programs of other servers tell us
// something and go. Bounded in connections, head, body and time. What the path means, a shared secret in it
// included, is the callback's business; here a path is never logged.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "net/task.hpp"

namespace mirror::http {

struct PostSettings {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
  std::size_t max_connections = 64;
  std::size_t head_limit = 8 * 1024;
  std::size_t body_limit = 64 * 1024;
  std::chrono::milliseconds request_limit{10'000};
  std::chrono::milliseconds idle_limit{120'000};  // between two requests of one connection
};

// The status to answer: 204, 403, 404, ... It must be quick: nothing else is read from that connection
// meanwhile.
using PostHandler = std::function<net::Task<int>(std::string path, std::string body)>;

// Listens until cancelled, then ends every connection. opened: called once with the port. Throws base::Failed
// MRD-CONF-008 when it cannot listen.
net::Task<void> listen_for_posts(PostSettings settings, PostHandler handler,
                                 std::function<void(std::uint16_t)> opened = {});

}  // namespace mirror::http
