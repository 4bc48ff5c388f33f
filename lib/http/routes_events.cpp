// SPDX-License-Identifier: Apache-2.0
#include "db/view_events.hpp"
#include "http/api.hpp"
#include "http/event_query.hpp"
#include "net/timeout.hpp"

namespace mirror::http {

void add_type(db::EventQuery& query, std::string mask) {
  constexpr std::size_t k_most = 100;
  require_mask("a type", mask);
  if (query.types.size() >= k_most)
    throw Problem(422, "MRD-HTTP-001", fmt::format("there must be at most {} types", k_most));
  query.types.push_back(std::move(mask));
}

db::EventQuery event_query(const Request& request, int limit) {
  require_text(request);  // the stream asks this alone
  db::EventQuery query;
  query.limit = limit;
  const std::string after = request.query_or("after", "0");
  char* end = nullptr;
  query.after = std::strtoll(after.c_str(), &end, 10);
  if (after.empty() || *end != '\0' || query.after < 0)
    throw Problem(422, "MRD-HTTP-001", "after must be an event's id");
  std::string types = request.query_or("types", "");
  while (!types.empty()) {
    const std::size_t comma = types.find(',');
    if (comma != 0) add_type(query, types.substr(0, comma));
    types = comma == std::string::npos ? "" : types.substr(comma + 1);
  }
  query.mailbox = request.query_or("mailbox", "");
  return query;
}

namespace {

// wait=N: a long poll, for callers behind proxies that break WebSocket.
net::Task<Response> list(Api& api, Request& request) {
  allow_query(request, {"after", "limit", "types", "mailbox", "wait"});
  db::EventQuery query = event_query(request, int_query(request, "limit", 200, 1, 1000));
  const int wait = int_query(request, "wait", 0, 0, 60);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(wait);
  for (;;) {
    const db::EventPage page = co_await db::read_events(api.pool, query);
    const auto now = std::chrono::steady_clock::now();
    if (page.count > 0 || now >= until)
      co_return json_response(
          fmt::format("{{\"head_id\":\"{}\",\"oldest_id\":\"{}\",\"next_after\":\"{}\",\"items\":{}}}",
                      page.head_id, page.oldest_id, page.last_id, page.items));
    query.after = page.last_id;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - now);
    co_await api.events.wait(std::min(left, api.settings.event_poll));
  }
}

net::Task<Response> audit(Api& api, Request& request) {
  allow_query(request, {"after", "limit"});
  co_return json_response("{\"items\":" +
                          co_await db::list_audit(api.pool, request.query_or("after", ""),
                                                  int_query(request, "limit", 100, 1, 1000)) +
                          "}");
}

// Reached only without an upgrade: the session answers the handshake itself.
net::Task<Response> stream_without_upgrade(Api&, Request&) {
  throw Problem(426, "MRD-HTTP-001", "events/stream is a WebSocket: send Upgrade: websocket");
  co_return Response{};
}

}  // namespace

void add_event_routes(Router& router) {
  router.add({"GET", "/api/v1/events", list});
  router.add({"GET", "/api/v1/events/stream", stream_without_upgrade});
  router.add({"GET", "/api/v1/audit", audit});
}

}  // namespace mirror::http
