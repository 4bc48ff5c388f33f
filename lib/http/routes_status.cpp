// SPDX-License-Identifier: Apache-2.0
#include "db/migrate.hpp"
#include "db/view_status.hpp"
#include "http/api.hpp"
#include "http/metrics.hpp"
#include "net/timeout.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

net::Task<Response> livez(Api&, Request&) {
  Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = "ok\n";
  co_return response;
}

net::Task<Response> readyz(Api& api, Request&) {
  // A copy of the settings' directory: migrations are files, read only here.
  if (!api.settings.schema_directory.empty())
    co_await db::require_current(api.pool, db::read_migrations(api.settings.schema_directory));
  else
    co_await api.pool.probe();
  Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = "ready\n";
  co_return response;
}

net::Task<Response> metrics(Api& api, Request&) {
  const db::Json rows = co_await db::metric_rows(api.pool);
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = format_metrics(json::parse(rows).as_array(), api.settings.version, api.settings.commit);
  co_return response;
}

net::Task<Response> version(Api& api, Request&) {
  const json::object body{{"version", api.settings.version}, {"commit", api.settings.commit}, {"api", "v1"}};
  co_return json_response(json::serialize(body));
}

net::Task<Response> status(Api& api, Request& request) {
  allow_query(request, {});
  const db::Json text = co_await db::show_status(api.pool);
  json::value body = json::parse(text);
  auto& object = body.as_object();
  add_advice(object["problems"]);
  add_advice(object["stores"], "state_code");
  object["version"] = api.settings.version;
  co_return json_response(json::serialize(body));
}

}  // namespace

void add_status_routes(Router& router) {
  router.add({"GET", "/livez", livez});
  router.add({"GET", "/readyz", readyz});
  router.add({"GET", "/metrics", metrics});
  router.add({"GET", "/api/v1/version", version});
  router.add({"GET", "/api/v1/status", status});
}

}  // namespace mirror::http
