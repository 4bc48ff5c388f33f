// SPDX-License-Identifier: Apache-2.0
#include "db/view_directory.hpp"
#include "http/api.hpp"
#include "http/fields.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

net::Task<Response> status(Api& api, Request& request) {
  allow_query(request, {"link"});
  json::value rows = json::parse(co_await db::directory_status(api.pool, request.query_or("link", "")));
  for (auto& row : rows.as_array()) add_advice(row.as_object()["problems"]);
  co_return json_response(json::serialize(json::object{{"items", std::move(rows)}}));
}

const std::vector<Field>& run_fields() {
  static const std::vector<Field> fields = [] {
    std::vector<Field> out(6);
    out[0].name = "link";
    out[0].fallback = "";
    out[0].highest = 64;
    out[1].name = "apply";
    out[1].kind = Field::Kind::boolean;
    out[1].fallback = false;
    out[2].name = "plan";
    out[2].fallback = "";
    out[2].highest = 20;
    out[3].name = "only";
    out[3].kind = Field::Kind::texts;
    out[3].fallback = json::array{};
    out[3].words = {"add", "modify", "rename", "disable", "delete"};
    out[4].name = "allow_mass_delete";
    out[4].kind = Field::Kind::boolean;
    out[4].fallback = false;
    out[5].name = "reason";
    out[5].fallback = "";
    out[5].highest = 1024;
    return out;
  }();
  return fields;
}

net::Task<Response> start(Api& api, Request& request) {
  const json::object body = read_fields(request.body, run_fields(), true);
  db::NewDirectoryRun run;
  run.link = text_member(body, "link");
  run.apply = flag_member(body, "apply");
  run.plan = text_member(body, "plan");
  if (const auto* only = body.if_contains("only"))
    for (const auto& kind : only->as_array()) run.only.emplace_back(kind.as_string());
  run.allow_mass_delete = flag_member(body, "allow_mass_delete");
  run.reason = text_member(body, "reason");
  co_return run_response(co_await db::create_directory_run(api.pool, std::move(run), actor_of(request)));
}

net::Task<Response> plans(Api& api, Request& request) {
  allow_query(request, {"link", "after", "limit"});
  co_return json_response("{\"items\":" +
                          co_await db::list_directory_plans(api.pool, request.query_or("link", ""),
                                                            request.query_or("after", ""),
                                                            int_query(request, "limit", 20, 1, 200)) +
                          "}");
}

net::Task<Response> plan(Api& api, Request& request) {
  allow_query(request, {"link"});
  co_return json_response(
      co_await db::show_directory_plan(api.pool, request.parts["id"], request.query_or("link", "")));
}

net::Task<Response> changes(Api& api, Request& request) {
  allow_query(request, {"kind", "state", "key", "after", "limit"});
  db::DirectoryChanges query;
  query.plan = request.parts["id"];
  query.kind = request.query_or("kind", "");
  query.state = request.query_or("state", "");
  query.key = request.query_or("key", "");
  query.after = request.query_or("after", "");
  query.limit = int_query(request, "limit", 200, 1, 1000);
  json::value body = json::parse(co_await db::list_directory_changes(api.pool, std::move(query)));
  add_advice(body.as_object()["items"]);
  co_return json_response(json::serialize(body));
}

net::Task<Response> history(Api& api, Request& request) {
  allow_query(request, {"link", "key", "after", "limit"});
  co_return json_response("{\"items\":" +
                          co_await db::list_directory_history(
                              api.pool, request.query_or("link", ""), request.query_or("key", ""),
                              request.query_or("after", ""), int_query(request, "limit", 50, 1, 1000)) +
                          "}");
}

net::Task<Response> entry(Api& api, Request& request) {
  allow_query(request, {"link"});
  json::value body = json::parse(
      co_await db::show_directory_entry(api.pool, request.query_or("link", ""), request.parts["key"]));
  add_advice(body.as_object()["changes"]);
  co_return json_response(json::serialize(body));
}

}  // namespace

void add_directory_routes(Router& router) {
  router.add({"GET", "/api/v1/directory", status});
  router.add({"POST", "/api/v1/directory/runs", start});
  router.add({"GET", "/api/v1/directory/plans", plans});
  router.add({"GET", "/api/v1/directory/plans/{id}", plan});
  router.add({"GET", "/api/v1/directory/plans/{id}/changes", changes});
  router.add({"GET", "/api/v1/directory/history", history});
  router.add({"GET", "/api/v1/directory/entries/{key}", entry});
}

}  // namespace mirror::http
