// SPDX-License-Identifier: Apache-2.0
#pragma once

// The API as mirrorctl uses it: one request at a time over the unix socket, waiting for each. Blocks its
// thread; has an event loop of its own. Not for the daemon.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mirror::http {

struct ClientResponse {
  int status = 0;
  std::string content_type;
  std::string body;
  std::string etag;
};

class Client {
 public:
  explicit Client(std::string socket_path,
                  std::chrono::milliseconds limit = std::chrono::milliseconds(90'000));
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Throws base::Failed: MRD-HTTP-009 nobody answers, MRD-NET-002 no answer within the limit.
  ClientResponse request(const std::string& method, const std::string& target, const std::string& body = {},
                         const std::vector<std::pair<std::string, std::string>>& headers = {});
  struct Closed {
    int code = 0;        // of the WebSocket; 0: none
    std::string reason;  // the peer's words
  };
  // Reads frames of a WebSocket until on_frame returns false or the peer closes. Failures as above.
  Closed follow(const std::string& target, const std::function<bool(const std::string&)>& on_frame);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mirror::http
