// SPDX-License-Identifier: Apache-2.0
#include "http/post_listener.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "base/failure.hpp"
#include "base/log.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"

namespace mirror::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = beast::http;
using asio::use_awaitable;
using asio::ip::tcp;

namespace {

using Socket = beast::basic_stream<asio::generic::stream_protocol>;

bhttp::response<bhttp::string_body> answer_of(int status, bool keep_alive) {
  bhttp::response<bhttp::string_body> answer;
  answer.result(static_cast<unsigned>(status));
  answer.set(bhttp::field::server, "mirrord");
  answer.keep_alive(keep_alive);
  // Without a length an exporter would wait for the end of the connection.
  if (status != 204) answer.prepare_payload();
  return answer;
}

// Whether the connection can be trusted for another request.
net::Task<bool> serve_one(const PostSettings& settings, const PostHandler& handler, Socket& wire,
                          beast::flat_buffer& buffer) {
  bhttp::request_parser<bhttp::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(settings.head_limit));
  parser.body_limit(settings.body_limit);
  boost::system::error_code error;
  wire.expires_after(settings.idle_limit);
  co_await bhttp::async_read_header(wire, buffer, parser, asio::redirect_error(use_awaitable, error));
  if (!error) {
    wire.expires_after(settings.request_limit);
    co_await bhttp::async_read(wire, buffer, parser, asio::redirect_error(use_awaitable, error));
  }
  int status = 0;
  bool keep_alive = false;
  if (error == bhttp::error::body_limit) {
    status = 413;
  } else if (error == bhttp::error::header_limit) {
    status = 431;
  } else if (error && error != bhttp::error::end_of_stream && error != bhttp::error::partial_message &&
             error.category() == bhttp::make_error_code(bhttp::error::bad_method).category()) {
    status = 400;
  } else if (error) {
    co_return false;
  } else {
    auto& request = parser.get();
    keep_alive = request.keep_alive();
    wire.expires_never();
    const bool taken = request.method() == bhttp::verb::post || request.method() == bhttp::verb::put;
    status = 405;
    if (taken) {
      std::string path(request.target().data(), request.target().size());
      status = co_await handler(std::move(path), std::move(request.body()));
    }
  }
  const auto answer = answer_of(status, keep_alive);
  wire.expires_after(settings.request_limit);
  co_await bhttp::async_write(wire, answer, use_awaitable);
  co_return keep_alive;
}

// An error of one connection ends that connection.
net::Task<void> serve(const PostSettings& settings, const PostHandler& handler, tcp::socket socket) {
  Socket wire{asio::generic::stream_protocol::socket(std::move(socket))};
  beast::flat_buffer buffer;
  try {
    while (co_await serve_one(settings, handler, wire, buffer)) {
    }
    boost::system::error_code ignored;
    wire.socket().shutdown(asio::socket_base::shutdown_both, ignored);
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) throw;
    base::log::debug("http.post", "a connection ended with an error", {{"err", error.code().message()}});
  }
}

tcp::acceptor open(const asio::any_io_executor& executor, const PostSettings& settings) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(settings.address, error);
  tcp::acceptor acceptor(executor);
  const tcp::endpoint at(address, settings.port);
  if (!error) acceptor.open(at.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(at, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    throw base::Failed(base::Failure(
        "MRD-CONF-008", fmt::format("{}:{}: {}", settings.address, settings.port, error.message())));
  return acceptor;
}

net::Task<void> accept_loop(const PostSettings& settings, const PostHandler& handler, tcp::acceptor& acceptor,
                            net::TaskGroup& sessions) {
  for (;;) {
    while (sessions.size() >= settings.max_connections)
      co_await net::sleep_for(std::chrono::milliseconds(50));
    boost::system::error_code error;
    auto socket = co_await acceptor.async_accept(asio::redirect_error(use_awaitable, error));
    if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
    if (error) {  // a shortage of the process, or a peer that went at once
      co_await net::sleep_for(std::chrono::milliseconds(100));
      continue;
    }
    sessions.spawn("post", serve(settings, handler, std::move(socket)));
  }
}

}  // namespace

net::Task<void> listen_for_posts(PostSettings settings, PostHandler handler,
                                 std::function<void(std::uint16_t)> opened) {
  const auto executor = co_await asio::this_coro::executor;
  auto acceptor = open(executor, settings);
  const auto port = acceptor.local_endpoint().port();
  base::log::info("http.posts", "the listener for pushed events is open",
                  {{"address", settings.address}, {"port", std::to_string(port)}});
  if (opened) opened(port);
  net::TaskGroup sessions(executor);
  std::exception_ptr ended;
  try {
    co_await accept_loop(settings, handler, acceptor, sessions);
  } catch (...) {
    ended = std::current_exception();
  }
  // Sessions use settings and handler: they are ended and awaited whatever ended the loop.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  sessions.cancel();
  co_await sessions.join();
  if (ended) std::rethrow_exception(ended);
}

}  // namespace mirror::http
