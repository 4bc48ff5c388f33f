// SPDX-License-Identifier: Apache-2.0
#pragma once

// The REST API and the event WebSocket. One coroutine per connection, all on the loop; the tables are the
// only thing it shares with the engine. Nothing here can stop the daemon: a connection's error ends that
// connection.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "db/pool.hpp"
#include "net/task.hpp"

namespace mirror::http {

struct Settings {
  std::string socket_path = "/run/mirrord/control.sock";
  std::string group = "mirrord";               // whose members may use the socket; it need not exist
  std::optional<std::uint32_t> allowed_gid;    // one more group, by number
  std::shared_ptr<const base::Sealer> sealer;  // null: credentials cannot be stored
  std::vector<std::string> profiles;           // known profile names; empty: any is taken
  std::string schema_directory;                // for /readyz; empty: only the connection is probed
  std::string version = "0.0.0";
  std::string commit = "unknown";
  std::size_t max_connections = 256;
  std::chrono::milliseconds request_limit{
      30'000};  // to receive a request once it began, and to send an answer
  std::chrono::milliseconds idle_limit{120'000};
  std::chrono::milliseconds event_poll{1'000};  // under the LISTEN hints
  std::chrono::milliseconds ping_interval{25'000};
  std::chrono::milliseconds slow_client{10'000};  // a batch that takes longer closes the socket with 4008
};

class Server {
 public:
  Server(Settings settings, db::Pool& pool);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Listens until cancelled, then ends every connection. Throws base::Failed MRD-CONF-008 when the socket
  // cannot be opened (another daemon answers on it, no right to the directory).
  net::Task<void> run();
  // A hint that the event table grew; from the loop thread, cheap.
  void wake_events();

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace mirror::http
