// SPDX-License-Identifier: Apache-2.0
#pragma once

// The API on a socket of its own over a fresh database, with its loop on a thread, so that the blocking
// client can talk to it.

#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/failure.hpp"
#include "http/client.hpp"
#include "http/server.hpp"
#include "support/cluster.hpp"

namespace mirror::test {

class Served {
 public:
  explicit Served(std::function<void(http::Settings&)> adjust = [](http::Settings&) {})
      : database(Cluster::shared().fresh_database()), directory_(make_directory()) {
    http::Settings settings;
    settings.socket_path = (directory_ / "c.sock").string();
    settings.version = "1.2.3";
    settings.event_poll = std::chrono::milliseconds(100);
    std::ofstream(directory_ / "key") << base::Sealer::generate_key();
    std::filesystem::permissions(directory_ / "key", std::filesystem::perms::owner_read);
    settings.sealer =
        std::make_shared<base::Sealer>(base::Sealer::from_file((directory_ / "key").string()).value());
    adjust(settings);
    socket = settings.socket_path;
    sealer = settings.sealer;
    pool_ = std::make_unique<db::Pool>(db::PoolSettings{database, 2, false});
    server = std::make_unique<http::Server>(settings, *pool_);
    thread_ = std::thread([this] {
      boost::asio::co_spawn(loop_, server->run(),
                            boost::asio::bind_cancellation_slot(stop_.slot(), [](std::exception_ptr) {}));
      loop_.run();
    });
    wait_until_answered();
  }
  ~Served() {
    boost::asio::post(loop_, [this] { stop_.emit(boost::asio::cancellation_type::terminal); });
    thread_.join();
    pool_->join();
    std::filesystem::remove_all(directory_);
  }

  http::ClientResponse call(const std::string& method, const std::string& target,
                            const std::string& body = {},
                            const std::vector<std::pair<std::string, std::string>>& headers = {}) {
    return http::Client(socket, std::chrono::seconds(20)).request(method, target, body, headers);
  }
  boost::json::object get(const std::string& target) {
    return boost::json::parse(call("GET", target).body).as_object();
  }
  std::string sql(const std::string& text) { return Cluster::shared().query(database, text); }
  // On the loop's thread.
  void on_loop(std::function<void()> work) { boost::asio::post(loop_, std::move(work)); }

  std::string database;
  std::string socket;
  std::shared_ptr<const base::Sealer> sealer;
  std::unique_ptr<http::Server> server;

 private:
  // The file is there a moment before anyone listens on it.
  void wait_until_answered() const {
    for (int i = 0; i < 1000; ++i) {
      try {
        if (http::Client(socket).request("GET", "/livez").status == 200) return;
      } catch (const base::Failed&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    }
    throw std::runtime_error("the API does not answer on " + socket);
  }
  static std::filesystem::path make_directory() {
    char pattern[] = "/tmp/mm-http-XXXXXX";
    if (mkdtemp(pattern) == nullptr) throw std::runtime_error("no temporary directory");
    return pattern;
  }
  std::filesystem::path directory_;
  boost::asio::io_context loop_{1};
  boost::asio::cancellation_signal stop_;
  std::unique_ptr<db::Pool> pool_;
  std::thread thread_;
};

}  // namespace mirror::test
