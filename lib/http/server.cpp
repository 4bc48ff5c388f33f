// SPDX-License-Identifier: Apache-2.0
#include "http/server.hpp"

#include <boost/asio/this_coro.hpp>

#include "base/log.hpp"
#include "http/listener.hpp"
#include "http/session_detail.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"

namespace mirror::http {

namespace {

// Errors of the process, not of the peer: accept again after a pause instead of spinning or dying.
bool is_shortage(const boost::system::error_code& error) {
  return error == asio::error::no_descriptors ||
         error == boost::system::errc::too_many_files_open_in_system || error == asio::error::no_memory ||
         error == asio::error::no_buffer_space || error == asio::error::connection_aborted;
}

net::Task<void> accept_loop(std::shared_ptr<Server::State> state, Listener& listener,
                            net::TaskGroup& sessions) {
  for (;;) {
    bool shortage = sessions.size() >= state->settings.max_connections;
    if (!shortage) {
      try {
        Accepted accepted = co_await listener.accept();
        sessions.spawn("http session",
                       run_session(state, std::move(accepted.socket), std::move(accepted.caller)));
      } catch (const boost::system::system_error& error) {
        if (!is_shortage(error.code())) throw;
        base::log::warning("http.accept", "a connection could not be accepted",
                           {{"err", error.code().message()}});
        shortage = true;
      }
    }
    if (shortage) co_await net::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace

Server::Server(Settings settings, db::Pool& pool)
    : state_(std::make_shared<State>(std::move(settings), pool)) {}
Server::~Server() = default;

void Server::wake_events() {
  state_->events.wake();
}

net::Task<void> Server::run() {
  const auto executor = co_await asio::this_coro::executor;
  const auto listener = make_unix_listener(executor, state_->settings);
  base::log::info("http.listening", "the control socket is open", {{"path", state_->settings.socket_path}});
  net::TaskGroup sessions(executor);
  std::exception_ptr ended;
  try {
    co_await accept_loop(state_, *listener, sessions);
  } catch (...) {
    ended = std::current_exception();
  }
  // Sessions are ended and awaited whatever ended the loop.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  sessions.cancel();
  co_await sessions.join();
  if (ended) std::rethrow_exception(ended);
}

}  // namespace mirror::http
