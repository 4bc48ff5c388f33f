// SPDX-License-Identifier: Apache-2.0
#include "base/settings.hpp"
#include "db/config_stores.hpp"
#include "db/view_runs.hpp"
#include "http/api.hpp"
#include "http/fields.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

void require_profile(const Api& api, const json::object& body) {
  const auto& known = api.settings.profiles;
  const std::string profile = text_member(body, "profile");
  if (profile.empty() || known.empty() || std::find(known.begin(), known.end(), profile) != known.end())
    return;
  const auto near = base::nearest(profile, known);
  throw Problem(
      422, "MRD-CONF-003",
      fmt::format("no profile is named \"{}\"{}", profile, near ? "; did you mean \"" + *near + "\"?" : ""),
      {{"/profile", "is not a known profile"}});
}

std::string take_name(json::object& body) {
  const std::string name = text_member(body, "name");
  if (!is_name(name))
    throw Problem(422, "MRD-HTTP-001", "a name is 1 to 64 of A-Z a-z 0-9 . _ -",
                  {{"/name", "is missing or not a name"}});
  body.erase("name");
  return name;
}

json::object checked(const json::object& body, std::span<const Field> fields, bool creating) {
  return read_fields(json::serialize(body), fields, creating);
}

net::Task<Response> list(Api& api, Request& request) {
  allow_query(request, {});
  json::value rows = json::parse(co_await db::list_stores(api.pool));
  add_advice(rows, "state_code");
  co_return json_response(json::serialize(json::object{{"items", std::move(rows)}}));
}

net::Task<Response> show(Api& api, Request& request) {
  co_return versioned_response(co_await db::show_store(api.pool, request.parts["name"]));
}

net::Task<Response> add(Api& api, Request& request) {
  json::object body = parse_object(request.body);
  const std::string name = take_name(body);
  body = checked(body, store_fields(), true);
  require_profile(api, body);
  Response response = versioned_response(
      co_await db::add_store(api.pool, name, json::serialize(body), actor_of(request)), 201);
  response.headers.emplace_back("Location", "/api/v1/stores/" + name);
  co_return response;
}

net::Task<Response> edit(Api& api, Request& request) {
  const json::object body = read_fields(request.body, store_fields(), false);
  require_profile(api, body);
  co_return versioned_response(co_await db::edit_store(api.pool, request.parts["name"], json::serialize(body),
                                                       if_match(request), actor_of(request)));
}

net::Task<Response> remove(Api& api, Request& request) {
  co_await db::remove_store(api.pool, request.parts["name"], if_match(request), actor_of(request));
  co_return json_response("", 204);
}

net::Task<Response> set_credential(Api& api, Request& request) {
  json::object body = parse_object(request.body);
  base::SecretText password(text_member(body, "password"));
  if (body.size() != 1 || password.empty())
    throw Problem(422, "MRD-HTTP-001", "the body has one member, password", {{"/password", "is missing"}});
  co_await db::set_store_password(api.pool, request.parts["name"], require_sealer(api), std::move(password),
                                  actor_of(request));
  co_return json_response("", 204);
}

net::Task<Response> start_test(Api& api, Request& request) {
  db::NewRun run;
  run.kind = "store_test";
  run.mask = request.parts["name"];
  co_return run_response(co_await db::create_run(api.pool, std::move(run), actor_of(request)));
}

}  // namespace

void add_store_routes(Router& router) {
  router.add({"GET", "/api/v1/stores", list});
  router.add({"POST", "/api/v1/stores", add});
  router.add({"GET", "/api/v1/stores/{name}", show});
  router.add({"PATCH", "/api/v1/stores/{name}", edit});
  router.add({"DELETE", "/api/v1/stores/{name}", remove});
  router.add({"PUT", "/api/v1/stores/{name}/credential", set_credential});
  router.add({"POST", "/api/v1/stores/{name}/tests", start_test});
}

namespace {

net::Task<Response> list_links(Api& api, Request& request) {
  allow_query(request, {});
  co_return json_response("{\"items\":" + co_await db::list_links(api.pool) + "}");
}

net::Task<Response> show_link(Api& api, Request& request) {
  co_return versioned_response(co_await db::show_link(api.pool, request.parts["name"]));
}

net::Task<Response> add_link(Api& api, Request& request) {
  json::object body = parse_object(request.body);
  const std::string name = take_name(body);
  const std::string source = text_member(body, "source");
  const std::string target = text_member(body, "target");
  if (source.empty() || target.empty())
    throw Problem(422, "MRD-HTTP-001", "a link names its source and its target store",
                  {{source.empty() ? "/source" : "/target", "is missing"}});
  body.erase("source");
  body.erase("target");
  body = checked(body, link_fields(), true);
  Response response = versioned_response(
      co_await db::add_link(api.pool, name, source, target, json::serialize(body), actor_of(request)), 201);
  response.headers.emplace_back("Location", "/api/v1/links/" + name);
  co_return response;
}

net::Task<Response> edit_link(Api& api, Request& request) {
  const json::object body = read_fields(request.body, link_fields(), false);
  co_return versioned_response(co_await db::edit_link(api.pool, request.parts["name"], json::serialize(body),
                                                      if_match(request), actor_of(request)));
}

}  // namespace

void add_link_routes(Router& router) {
  router.add({"GET", "/api/v1/links", list_links});
  router.add({"POST", "/api/v1/links", add_link});
  router.add({"GET", "/api/v1/links/{name}", show_link});
  router.add({"PATCH", "/api/v1/links/{name}", edit_link});
}

}  // namespace mirror::http
