// SPDX-License-Identifier: Apache-2.0
#include <random>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "base/log.hpp"
#include "http/session_detail.hpp"

namespace mirror::http {

namespace bhttp = beast::http;
using asio::use_awaitable;

namespace {

constexpr std::uint32_t k_header_limit = 16 * 1024;

std::string request_id_of(const WireRequest& wire) {
  const auto given = wire["X-Request-Id"];
  std::string text(given.data(), given.size());
  const bool good = !text.empty() && text.size() <= 64 &&
                    text.find_first_not_of(
                        "0123456789abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-") == std::string::npos;
  if (good) return text;
  // A name for the log, not a secret.
  static std::mt19937_64 random{std::random_device{}()};
  return fmt::format("{:016x}", random());
}

Request request_of(WireRequest& wire, const Caller& caller) {
  Request request;
  request.method = std::string(wire.method_string());
  set_target(request, std::string_view(wire.target().data(), wire.target().size()));
  for (const auto& field : wire) {
    std::string name(field.name_string());
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    request.headers[name] = std::string(field.value());
  }
  request.body = std::move(wire.body());
  request.request_id = request_id_of(wire);
  request.caller = caller;
  return request;
}

bhttp::response<bhttp::string_body> wire_response(Response response, const Request& request, bool keep_alive,
                                                  unsigned version) {
  bhttp::response<bhttp::string_body> wire;
  wire.version(version);
  wire.result(static_cast<unsigned>(response.status));
  wire.set(bhttp::field::server, "mirrord");
  wire.set(bhttp::field::cache_control, "no-store");
  wire.set("X-Content-Type-Options", "nosniff");
  wire.set("X-Request-Id", request.request_id);
  for (const auto& [name, value] : response.headers) wire.set(name, value);
  if (!response.body.empty()) wire.set(bhttp::field::content_type, response.content_type);
  wire.keep_alive(keep_alive);
  wire.body() = std::move(response.body);
  if (response.status != 204 && response.status != 304) wire.prepare_payload();
  return wire;
}

bool is_quiet(const boost::system::error_code& error) {
  return error == bhttp::error::end_of_stream || error == asio::error::eof ||
         error == asio::error::connection_reset || error == asio::error::broken_pipe ||
         error == asio::error::operation_aborted || error == beast::error::timeout ||
         error == bhttp::error::partial_message;
}

// Unknown fields of a body are refused by its resource; here only what the protocol itself bounds.
net::Task<bool> serve_one(Server::State& state, Wire& wire, beast::flat_buffer& buffer, const Caller& caller,
                          std::optional<std::pair<WireRequest, Request>>& upgrade) {
  bhttp::request_parser<bhttp::string_body> parser;
  parser.header_limit(k_header_limit);
  parser.body_limit(boost::none);
  wire.expires_after(state.settings.idle_limit);
  boost::system::error_code error;
  co_await bhttp::async_read_header(wire, buffer, parser, asio::redirect_error(use_awaitable, error));
  Request request;
  request.caller = caller;
  std::optional<Problem> refusal;
  if (error) {
    if (is_quiet(error)) co_return false;
    refusal.emplace(400, "MRD-HTTP-001", "the request's head is not HTTP: " + error.message());
    request.request_id = "-";
  } else {
    set_target(request, std::string_view(parser.get().target().data(), parser.get().target().size()));
    const std::size_t limit =
        state.router.body_limit(std::string(parser.get().method_string()), request.path);
    const auto announced = parser.content_length();
    if (announced && *announced > limit) {
      request.request_id = request_id_of(parser.get());
      refusal.emplace(413, "MRD-HTTP-007", fmt::format("the body may hold at most {} octets", limit));
    } else {
      parser.body_limit(limit);
      wire.expires_after(state.settings.request_limit);
      co_await bhttp::async_read(wire, buffer, parser, asio::redirect_error(use_awaitable, error));
      if (error == bhttp::error::body_limit)
        refusal.emplace(413, "MRD-HTTP-007", fmt::format("the body may hold at most {} octets", limit));
      else if (error && is_quiet(error))
        co_return false;
      else if (error)
        refusal.emplace(400, "MRD-HTTP-001", "the body is not HTTP: " + error.message());
    }
  }
  if (refusal) {
    // What follows on the wire cannot be trusted to be a request: answer and close.
    wire.expires_after(state.settings.request_limit);
    const auto answer = wire_response(problem_response(*refusal, request), request, false, 11);
    co_await bhttp::async_write(wire, answer, use_awaitable);
    co_return false;
  }
  WireRequest message = parser.release();
  const bool keep_alive = message.keep_alive();
  const unsigned version = message.version();
  request = request_of(message, caller);
  if (beast::websocket::is_upgrade(message) && caller.allowed && request.path == "/api/v1/events/stream") {
    upgrade.emplace(std::move(message), std::move(request));
    co_return false;
  }
  wire.expires_never();  // a long poll is bounded by its own limit
  Response response = co_await dispatch(state.api, state.router, request);
  const auto answer = wire_response(std::move(response), request, keep_alive, version);
  wire.expires_after(state.settings.request_limit);
  co_await bhttp::async_write(wire, answer, use_awaitable);
  co_return keep_alive;
}

}  // namespace

net::Task<void> run_session(std::shared_ptr<Server::State> state,
                            asio::generic::stream_protocol::socket socket, Caller caller) {
  Wire wire(std::move(socket));
  beast::flat_buffer buffer;
  std::optional<std::pair<WireRequest, Request>> upgrade;
  try {
    while (co_await serve_one(*state, wire, buffer, caller, upgrade)) {
    }
    if (upgrade) {
      co_await run_event_stream(*state, std::move(wire), std::move(upgrade->first),
                                std::move(upgrade->second));
    } else {
      boost::system::error_code ignored;
      wire.socket().shutdown(asio::socket_base::shutdown_both, ignored);
    }
  } catch (const boost::system::system_error& error) {
    if (!is_quiet(error.code()))
      base::log::warning("http.session", "a connection ended with an error",
                         {{"caller", caller.name}, {"err", error.code().message()}});
  } catch (const std::exception& error) {
    base::log::error("http.session", "a connection ended with an error",
                     {{"caller", caller.name}, {"err", error.what()}});
  }
}

}  // namespace mirror::http
