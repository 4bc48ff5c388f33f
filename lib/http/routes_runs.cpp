// SPDX-License-Identifier: Apache-2.0
#include "db/view_runs.hpp"
#include "http/api.hpp"
#include "http/fields.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

net::Task<Response> list(Api& api, Request& request) {
  allow_query(request, {"kind", "state", "after", "limit"});
  co_return json_response("{\"items\":" +
                          co_await db::list_runs(api.pool, request.query_or("kind", ""),
                                                 request.query_or("state", ""), request.query_or("after", ""),
                                                 int_query(request, "limit", 50, 1, 200)) +
                          "}");
}

const std::vector<Field>& run_fields() {
  static const std::vector<Field> fields = [] {
    std::vector<Field> out(6);
    out[0].name = "kind";
    out[0].kind = Field::Kind::choice;
    out[0].words = {"resync", "verify", "review", "rebuild", "estimate"};
    out[1].name = "link";
    out[1].fallback = "";
    out[1].highest = 64;
    out[2].name = "mask";
    out[2].fallback = "*";
    out[2].highest = k_longest_mask;
    out[3].name = "deep";
    out[3].kind = Field::Kind::boolean;
    out[3].fallback = false;
    out[4].name = "dry_run";
    out[4].kind = Field::Kind::boolean;
    out[4].fallback = false;
    out[5].name = "reason";
    out[5].fallback = "";
    out[5].highest = 1024;
    return out;
  }();
  return fields;
}

net::Task<Response> create(Api& api, Request& request) {
  const json::object body = read_fields(request.body, run_fields(), true);
  db::NewRun run;
  run.kind = text_member(body, "kind");
  run.link = text_member(body, "link");
  run.mask = text_member(body, "mask", "*");
  run.deep = flag_member(body, "deep");
  run.dry_run = flag_member(body, "dry_run");
  run.reason = text_member(body, "reason");
  co_return run_response(co_await db::create_run(api.pool, std::move(run), actor_of(request)));
}

net::Task<Response> show(Api& api, Request& request) {
  co_return json_response(co_await db::show_run(api.pool, request.parts["id"]));
}

net::Task<Response> mailboxes(Api& api, Request& request) {
  allow_query(request, {"state", "offset", "limit"});
  json::value rows = json::parse(co_await db::list_run_mailboxes(
      api.pool, request.parts["id"], request.query_or("state", ""),
      int_query(request, "offset", 0, 0, 1 << 30), int_query(request, "limit", 200, 1, 1000)));
  add_advice(rows, "error_code");
  co_return json_response(json::serialize(json::object{{"items", std::move(rows)}}));
}

net::Task<Response> log(Api& api, Request& request) {
  allow_query(request, {"limit"});
  co_return json_response(
      "{\"items\":" +
      co_await db::run_log(api.pool, request.parts["id"], int_query(request, "limit", 200, 1, 1000)) + "}");
}

net::Task<Response> cancel(Api& api, Request& request) {
  co_return json_response(co_await db::cancel_run(api.pool, request.parts["id"], actor_of(request)), 202);
}

net::Task<Response> reports(Api& api, Request& request) {
  allow_query(request, {"kind", "limit"});
  co_return json_response("{\"items\":" +
                          co_await db::list_reports(api.pool, request.query_or("kind", ""),
                                                    int_query(request, "limit", 20, 1, 200)) +
                          "}");
}

net::Task<Response> show_estimate(Api& api, Request& request) {
  allow_query(request, {"link"});
  co_return json_response(co_await db::estimate(api.pool, request.query_or("link", "")));
}

}  // namespace

void add_run_routes(Router& router) {
  router.add({"GET", "/api/v1/runs", list});
  router.add({"POST", "/api/v1/runs", create});
  router.add({"GET", "/api/v1/runs/{id}", show});
  router.add({"GET", "/api/v1/runs/{id}/mailboxes", mailboxes});
  router.add({"GET", "/api/v1/runs/{id}/log", log});
  router.add({"POST", "/api/v1/runs/{id}/cancel", cancel});
  router.add({"GET", "/api/v1/reports", reports});
  router.add({"GET", "/api/v1/estimate", show_estimate});
}

}  // namespace mirror::http
