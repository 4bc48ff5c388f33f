// SPDX-License-Identifier: Apache-2.0
#include "db/view_mailboxes.hpp"
#include "db/view_status.hpp"
#include "http/api.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

net::Task<Response> list(Api& api, Request& request) {
  allow_query(request, {"mailbox", "code", "offset", "limit"});
  json::value body = json::parse(co_await db::list_quarantine(
      api.pool, mask_query(request, "mailbox", ""), request.query_or("code", ""),
      int_query(request, "offset", 0, 0, 1 << 30), int_query(request, "limit", 200, 1, 200)));
  add_advice(body.as_object()["items"]);
  co_return json_response(json::serialize(body));
}

net::Task<Response> show(Api& api, Request& request) {
  json::array one;
  one.push_back(json::parse(co_await db::show_quarantine(api.pool, request.parts["id"])));
  json::value rows(std::move(one));
  add_advice(rows);
  co_return json_response(json::serialize(rows.as_array()[0]));
}

net::Task<Response> retry(Api& api, Request& request) {
  co_return json_response(co_await db::retry_quarantine(api.pool, request.parts["id"], actor_of(request)),
                          202);
}

net::Task<Response> drop(Api& api, Request& request) {
  co_return json_response(co_await db::drop_quarantine(api.pool, request.parts["id"], actor_of(request)));
}

net::Task<Response> services(Api& api, Request& request) {
  allow_query(request, {});
  co_return json_response("{\"items\":" + co_await db::list_services(api.pool) + "}");
}

net::Task<Response> restart(Api& api, Request& request) {
  co_return json_response(co_await db::restart_service(api.pool, request.parts["name"], actor_of(request)),
                          202);
}

}  // namespace

void add_quarantine_routes(Router& router) {
  router.add({"GET", "/api/v1/quarantine", list});
  router.add({"GET", "/api/v1/quarantine/{id}", show});
  router.add({"POST", "/api/v1/quarantine/{id}/retry", retry});  // id "all": every row
  router.add({"DELETE", "/api/v1/quarantine/{id}", drop});
}

void add_service_routes(Router& router) {
  router.add({"GET", "/api/v1/services", services});
  router.add({"POST", "/api/v1/services/{name}/restart", restart});
}

}  // namespace mirror::http
