// SPDX-License-Identifier: Apache-2.0
#include "db/listen.hpp"

#include <libpq-fe.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.hpp"
#include "net/timeout.hpp"

namespace mirror::db {

namespace {

namespace asio = boost::asio;
using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

// Connecting blocks, so it happens off the loop.
Connection open_listener(const ListenSettings& settings) {
  Connection connection(PQconnectdb(settings.connection.c_str()), &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) return {nullptr, &PQfinish};
  for (const auto& channel : settings.channels) {
    PGresult* result = PQexec(connection.get(), ("listen " + channel).c_str());
    const bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    if (!ok) return {nullptr, &PQfinish};
  }
  return connection;
}

void drain(PGconn* connection, const std::function<void(const std::string&, const std::string&)>& on_wake) {
  while (PGnotify* notify = PQnotifies(connection)) {
    const std::string channel = notify->relname;
    const std::string payload = notify->extra;
    PQfreemem(notify);
    on_wake(channel, payload);
  }
}

net::Task<void> serve(Connection connection,
                      std::function<void(const std::string&, const std::string&)> on_wake) {
  const auto executor = co_await asio::this_coro::executor;
  // A duplicate: the descriptor object closes its own, libpq closes libpq's.
  asio::posix::stream_descriptor socket(executor, ::dup(PQsocket(connection.get())));
  on_wake("", "");
  for (;;) {
    co_await socket.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    if (PQconsumeInput(connection.get()) == 0) co_return;
    drain(connection.get(), on_wake);
  }
}

}  // namespace

net::Task<void> listen(ListenSettings settings, net::Offload& offload,
                       std::function<void(const std::string&, const std::string&)> on_wake) {
  for (;;) {
    Connection connection{nullptr, &PQfinish};
    std::function<void(std::size_t)> open = [&](std::size_t) { connection = open_listener(settings); };
    co_await offload.run(std::move(open));
    if (connection) co_await serve(std::move(connection), on_wake);
    base::log::warning("db.listen_lost", "the notification connection was lost; polling until it is back");
    co_await net::sleep_for(settings.reconnect);
    on_wake("", "");
  }
}

}  // namespace mirror::db
