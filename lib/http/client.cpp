// SPDX-License-Identifier: Apache-2.0
#include "http/client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "base/failure.hpp"
#include "net/task.hpp"

namespace mirror::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = beast::http;
namespace ws = beast::websocket;
using Local = asio::local::stream_protocol;
using Wire = beast::basic_stream<Local>;
using asio::use_awaitable;

namespace {

constexpr std::size_t k_answer_limit = 256U << 20;  // a long history; bounded all the same

}  // namespace

struct Client::State {
  State(std::string path, std::chrono::milliseconds given) : socket_path(std::move(path)), limit(given) {}
  std::string socket_path;
  std::chrono::milliseconds limit;

  // Runs a coroutine on a loop of its own to its end.
  template <class T>
  T run(asio::io_context& context, net::Task<T> task) {
    std::exception_ptr error;
    std::optional<T> result;
    asio::co_spawn(context, std::move(task), [&](std::exception_ptr thrown, T value) {
      error = thrown;
      if (!thrown) result.emplace(std::move(value));
    });
    context.run();
    if (error) rethrow(error);
    return std::move(*result);
  }

  [[noreturn]] void rethrow(const std::exception_ptr& error) const {
    try {
      std::rethrow_exception(error);
    } catch (const boost::system::system_error& lost) {
      if (lost.code() == beast::error::timeout)
        throw base::Failed(base::Failure("MRD-NET-002", "mirrord gave no answer"));
      throw base::Failed(
          base::Failure("MRD-HTTP-009", fmt::format("{}: {}", socket_path, lost.code().message())));
    }
  }

  net::Task<ClientResponse> exchange(bhttp::request<bhttp::string_body> message) {
    Wire wire(co_await asio::this_coro::executor);
    wire.expires_after(limit);
    co_await wire.async_connect(Local::endpoint(socket_path), use_awaitable);
    // A server that refuses answers before it has read all: what it says is worth more than the broken pipe.
    boost::system::error_code cut;
    co_await bhttp::async_write(wire, message, asio::redirect_error(use_awaitable, cut));
    beast::flat_buffer buffer;
    bhttp::response_parser<bhttp::string_body> parser;
    parser.body_limit(k_answer_limit);
    co_await bhttp::async_read(wire, buffer, parser, use_awaitable);
    auto answer = parser.release();
    ClientResponse response;
    response.status = static_cast<int>(answer.result_int());
    response.content_type = std::string(answer[bhttp::field::content_type]);
    response.etag = std::string(answer[bhttp::field::etag]);
    response.body = std::move(answer.body());
    co_return response;
  }

  net::Task<Closed> read_frames(std::string target, const std::function<bool(const std::string&)>& on_frame) {
    ws::stream<Wire> socket(co_await asio::this_coro::executor);
    beast::get_lowest_layer(socket).expires_after(limit);
    co_await beast::get_lowest_layer(socket).async_connect(Local::endpoint(socket_path), use_awaitable);
    beast::get_lowest_layer(socket).expires_never();
    socket.set_option(ws::stream_base::timeout::suggested(beast::role_type::client));
    socket.set_option(ws::stream_base::decorator([](ws::request_type& request) {
      request.set(bhttp::field::sec_websocket_protocol, "mirrord.events.v1");
    }));
    co_await socket.async_handshake("mirrord", target, use_awaitable);
    beast::flat_buffer buffer;
    boost::system::error_code error;
    for (;;) {
      buffer.clear();
      co_await socket.async_read(buffer, asio::redirect_error(use_awaitable, error));
      if (error == ws::error::closed)
        co_return Closed{static_cast<int>(socket.reason().code),
                         std::string(socket.reason().reason.data(), socket.reason().reason.size())};
      if (error) co_return Closed{};
      if (!on_frame(beast::buffers_to_string(buffer.data()))) break;
    }
    co_await socket.async_close(ws::close_code::normal, asio::redirect_error(use_awaitable, error));
    co_return Closed{static_cast<int>(ws::close_code::normal), {}};
  }
};

Client::Client(std::string socket_path, std::chrono::milliseconds limit)
    : state_(std::make_unique<State>(std::move(socket_path), limit)) {}
Client::~Client() = default;

ClientResponse Client::request(const std::string& method, const std::string& target, const std::string& body,
                               const std::vector<std::pair<std::string, std::string>>& headers) {
  bhttp::request<bhttp::string_body> message;
  message.version(11);
  message.method_string(method);
  message.target(target);
  message.set(bhttp::field::host, "mirrord");
  message.set(bhttp::field::user_agent, "mirrorctl");
  if (!body.empty()) message.set(bhttp::field::content_type, "application/json");
  for (const auto& [name, value] : headers) message.set(name, value);
  message.keep_alive(false);
  message.body() = body;
  message.prepare_payload();
  asio::io_context context(1);
  return state_->run(context, state_->exchange(std::move(message)));
}

Client::Closed Client::follow(const std::string& target,
                              const std::function<bool(const std::string&)>& on_frame) {
  asio::io_context context(1);
  return state_->run(context, state_->read_frames(target, on_frame));
}

}  // namespace mirror::http
