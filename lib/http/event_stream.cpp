// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "base/log.hpp"
#include "db/site_change.hpp"
#include "http/event_query.hpp"
#include "http/fields.hpp"
#include "http/session_detail.hpp"
#include "net/task_group.hpp"

namespace mirror::http {

namespace json = boost::json;
namespace ws = beast::websocket;
using asio::use_awaitable;

namespace {

constexpr std::size_t k_inbound_limit = 4096;
constexpr int k_batch = 256;
constexpr const char* k_protocol = "mirrord.events.v1";

// One subscriber. The table is its queue: what was not sent yet is read again from there, so a slow client
// costs no memory and resumes by id.
struct Stream {
  Stream(Server::State& given, Wire wire) : state(given), socket(std::move(wire)) {}
  Server::State& state;
  ws::stream<Wire> socket;
  db::EventQuery query;
  bool from_head = false;

  net::Task<void> send(std::string text) {
    socket.text(true);
    co_await socket.async_write(asio::buffer(text), use_awaitable);
  }

  net::Task<void> close(std::uint16_t code, std::string reason) {
    ws::close_reason farewell;
    farewell.code = code;
    farewell.reason = cut_text(std::move(reason), ws::reason_string::static_capacity).c_str();
    co_await socket.async_close(farewell, use_awaitable);
  }

  net::Task<void> greet() {
    db::EventQuery look = query;
    look.limit = 1;
    const db::EventPage page = co_await db::read_events(state.api.pool, look);
    const json::value site = json::parse(co_await db::show_site(state.api.pool));
    if (from_head) query.after = page.head_id;
    json::object hello{{"type", "hello"},
                       {"server_version", state.settings.version},
                       {"head_id", std::to_string(page.head_id)},
                       {"oldest_id", std::to_string(page.oldest_id)},
                       {"state", site.as_object().at("state")}};
    co_await send(json::serialize(hello));
    // Older events are gone, or the log was replaced by a shorter one: the client must read its snapshots
    // anew.
    const bool lost = page.oldest_id > query.after + 1 || query.after > page.head_id;
    if (!lost) co_return;
    json::object gap{{"type", "gap"},
                     {"after", std::to_string(query.after)},
                     {"oldest_id", std::to_string(page.oldest_id)}};
    co_await send(json::serialize(gap));
    query.after = page.oldest_id > 0 ? page.oldest_id - 1 : page.head_id;
  }

  // Returns false when the client is too slow.
  net::Task<bool> send_batch(const db::EventPage& page) {
    const auto began = std::chrono::steady_clock::now();
    const json::value items = json::parse(page.items);
    for (const auto& item : items.as_array()) co_await send(json::serialize(item));
    co_return std::chrono::steady_clock::now() - began <= state.settings.slow_client;
  }

  net::Task<void> write_events() {
    co_await greet();
    for (;;) {
      const db::EventPage page = co_await db::read_events(state.api.pool, query);
      query.after = page.last_id;
      const bool kept_up = co_await send_batch(page);
      if (!kept_up) {
        co_await close(4008, "too slow; resume by id");
        co_return;
      }
      if (page.count < query.limit) co_await state.events.wait(state.settings.event_poll);
    }
  }

  // Only a new filter may come in; no action is taken over this socket.
  void subscribe(const std::string& text) {
    const json::object frame = parse_object(text);
    const auto* types = frame.if_contains("subscribe");
    if (types == nullptr || !types->is_array() || frame.size() != 1)
      throw Problem(422, "MRD-HTTP-001", "only {\"subscribe\": [types]} is understood");
    query.types.clear();
    for (const auto& type : types->get_array())
      if (type.is_string()) add_type(query, std::string(type.get_string()));
  }

  net::Task<void> read_frames() {
    beast::flat_buffer buffer;
    for (;;) {
      buffer.clear();
      co_await socket.async_read(buffer, use_awaitable);
      subscribe(beast::buffers_to_string(buffer.data()));
    }
  }
};

bool is_quiet(const boost::system::error_code& error) {
  return error == ws::error::closed || error == asio::error::eof || error == asio::error::operation_aborted ||
         error == asio::error::connection_reset || error == asio::error::broken_pipe ||
         error == beast::error::timeout || error == ws::error::message_too_big ||
         error == asio::error::not_connected;
}

// Either side ending ends the other: the group would cancel siblings only on an exception.
net::Task<void> run_side(std::shared_ptr<Stream> stream, net::TaskGroup& group, bool writer) {
  try {
    if (writer)
      co_await stream->write_events();
    else
      co_await stream->read_frames();
  } catch (const boost::system::system_error& error) {
    if (!is_quiet(error.code()))
      base::log::warning("http.stream", "an event stream ended with an error",
                         {{"err", error.code().message()}});
  } catch (const std::exception& error) {
    base::log::warning("http.stream", "an event stream ended with an error", {{"err", error.what()}});
  }
  group.cancel();
}

}  // namespace

net::Task<void> run_event_stream(Server::State& state, Wire wire, WireRequest upgrade, Request request) {
  const auto stream = std::make_shared<Stream>(state, std::move(wire));
  beast::get_lowest_layer(stream->socket).expires_never();
  auto& socket = stream->socket;
  // Beast pings at half the idle limit and gives up when nothing came back by the whole.
  ws::stream_base::timeout limits{};
  limits.handshake_timeout = state.settings.request_limit;
  limits.idle_timeout = 2 * state.settings.ping_interval;
  limits.keep_alive_pings = true;
  socket.set_option(limits);
  socket.read_message_max(k_inbound_limit);
  const auto offered = upgrade[beast::http::field::sec_websocket_protocol];
  if (std::string_view(offered.data(), offered.size()).find(k_protocol) != std::string_view::npos)
    socket.set_option(ws::stream_base::decorator([](ws::response_type& response) {
      response.set(beast::http::field::sec_websocket_protocol, k_protocol);
    }));
  std::optional<Problem> refusal;
  try {
    stream->query = event_query(request, k_batch);
    stream->from_head = request.query.count("after") == 0;
  } catch (const Problem& problem) {
    refusal = problem;
  }
  co_await socket.async_accept(upgrade, use_awaitable);
  if (refusal) {
    co_await stream->close(4000, refusal->what());
    co_return;
  }
  net::TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("event stream reader", run_side(stream, group, false));
  group.spawn("event stream writer", run_side(stream, group, true));
  co_await group.join();
}

}  // namespace mirror::http
