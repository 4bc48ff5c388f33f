// SPDX-License-Identifier: Apache-2.0
#pragma once

// For the few sources that see Beast: one HTTP connection, and the WebSocket one may become.

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include "http/api.hpp"

namespace mirror::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Wire = beast::basic_stream<asio::generic::stream_protocol>;
using WireRequest = beast::http::request<beast::http::string_body>;

struct Server::State {
  State(Settings given, db::Pool& database)
      : settings(std::move(given)), api{database, settings, events}, router(make_router()) {}
  Settings settings;
  EventSignal events;
  Api api;
  Router router;
};

net::Task<void> run_session(std::shared_ptr<Server::State> state,
                            asio::generic::stream_protocol::socket socket, Caller caller);
// After the upgrade request was read and its caller allowed.
net::Task<void> run_event_stream(Server::State& state, Wire wire, WireRequest upgrade, Request request);

}  // namespace mirror::http
