// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <netinet/tcp.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/cancelled.hpp"
#include "net/socket_detail.hpp"
#include "net/timeout.hpp"

namespace mirror::net {
namespace {

using asio::ip::tcp;
using base::Failed;
using base::Failure;
using boost::system::error_code;

std::string name_of(const Endpoint& endpoint) {
  return fmt::format("{}:{}", endpoint.host, endpoint.port);
}

Task<std::vector<tcp::endpoint>> resolve(Endpoint endpoint) {
  error_code error;
  const auto address = asio::ip::make_address(endpoint.host, error);
  std::vector<tcp::endpoint> out;
  if (!error) {
    out.emplace_back(address, endpoint.port);
    co_return out;
  }
  tcp::resolver resolver(co_await asio::this_coro::executor);
  const auto [failed, found] =
      co_await resolver.async_resolve(endpoint.host, std::to_string(endpoint.port),
                                      tcp::resolver::numeric_service, asio::as_tuple(asio::use_awaitable));
  if (failed == asio::error::operation_aborted) throw_cancelled();
  if (failed) throw Failed(Failure("MRD-NET-004", fmt::format("{}: {}", endpoint.host, failed.message())));
  for (const auto& entry : found) out.push_back(entry.endpoint());
  co_return out;
}

// A dead peer is noticed in 45 + 4 * 15 = 105 s when idle, in 100 s with octets under way.
void tune(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const auto set = [&](int option, int value) {
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
  };
  set(TCP_KEEPIDLE, 45);
  set(TCP_KEEPINTVL, 15);
  set(TCP_KEEPCNT, 4);
  set(TCP_USER_TIMEOUT, 100'000);
}

Task<tcp::socket> connect_one(tcp::endpoint at) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(at, asio::use_awaitable);
  tune(socket);
  co_return socket;
}

// Every address in turn, each with its share of the time, so that one that drops packets does not eat it all.
Task<tcp::socket> connect_any(Endpoint endpoint, Millis limit) {
  const auto addresses = co_await resolve(endpoint);
  std::string words;
  bool timed_out = true;
  for (const auto& at : addresses) {
    const auto where = at.address().to_string();
    try {
      co_return co_await with_timeout(connect_one(at), limit / static_cast<int>(addresses.size()), where);
    } catch (const Failed&) {
      words += fmt::format("{}{}: no answer", words.empty() ? "" : "; ", where);
    } catch (const boost::system::system_error& error) {
      if (error.code() == asio::error::operation_aborted) throw;
      words += fmt::format("{}{}: {}", words.empty() ? "" : "; ", where, error.code().message());
      timed_out = false;
    }
  }
  throw Failed(
      Failure(timed_out ? "MRD-NET-002" : "MRD-NET-001", fmt::format("{}: {}", name_of(endpoint), words)));
}

Task<std::unique_ptr<Stream>> connect_and_greet(Endpoint endpoint, Millis limit) {
  auto socket = co_await connect_any(endpoint, limit);
  auto stream = detail::make_socket_stream(std::move(socket));
  if (endpoint.tls == TlsMode::implicit) co_await stream->start_tls(endpoint);
  co_return stream;
}

}  // namespace

Task<std::unique_ptr<Stream>> connect(Endpoint endpoint, std::chrono::milliseconds limit) {
  auto what = "connect to " + name_of(endpoint);
  co_return co_await with_timeout(connect_and_greet(std::move(endpoint), limit), limit, std::move(what));
}

Task<std::vector<std::string>> resolve_host(Endpoint endpoint, std::chrono::milliseconds limit) {
  auto what = "address of " + endpoint.host;
  const auto found = co_await with_timeout(resolve(std::move(endpoint)), limit, std::move(what));
  std::vector<std::string> out;
  for (const auto& at : found) out.push_back(at.address().to_string());
  co_return out;
}

}  // namespace mirror::net
