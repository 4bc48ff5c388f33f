// SPDX-License-Identifier: Apache-2.0
// The directory of a store and the directory mirror of a link.
#include "db/config_directory.hpp"
#include "http/api.hpp"
#include "http/directory_map.hpp"
#include "http/fields.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

// PUT is a whole: what it does not name is as new.
json::object with_defaults(json::object body, std::span<const Field> fields) {
  for (const Field& field : fields)
    if (!body.contains(field.name)) body[field.name] = field.fallback;
  return body;
}

std::optional<std::int64_t> version_if_given(const Request& request) {
  std::optional<std::int64_t> out;
  if (request.headers.count("if-match") != 0) out = if_match(request);
  return out;
}

Response put_response(const db::Json& object) {
  const auto version = json::parse(object).at("row_version").to_number<std::int64_t>();
  return versioned_response(object, version == 1 ? 201 : 200);
}

net::Task<Response> show(Api& api, Request& request) {
  co_return versioned_response(co_await db::show_directory(api.pool, request.parts["name"]));
}

net::Task<Response> put(Api& api, Request& request) {
  const json::object body =
      with_defaults(read_fields(request.body, directory_fields(), true), directory_fields());
  co_return put_response(co_await db::put_directory(api.pool, request.parts["name"], json::serialize(body),
                                                    version_if_given(request), actor_of(request)));
}

net::Task<Response> edit(Api& api, Request& request) {
  const json::object body = read_fields(request.body, directory_fields(), false);
  co_return versioned_response(co_await db::put_directory(
      api.pool, request.parts["name"], json::serialize(body), if_match(request), actor_of(request)));
}

net::Task<Response> remove(Api& api, Request& request) {
  co_await db::remove_directory(api.pool, request.parts["name"], if_match(request), actor_of(request));
  co_return json_response("", 204);
}

net::Task<Response> set_credential(Api& api, Request& request) {
  const json::object body = parse_object(request.body);
  base::SecretText password(text_member(body, "password"));
  if (body.size() != 1 || password.empty())
    throw Problem(422, "MRD-HTTP-001", "the body has one member, password", {{"/password", "is missing"}});
  co_await db::set_directory_password(api.pool, request.parts["name"], require_sealer(api),
                                      std::move(password), actor_of(request));
  co_return json_response("", 204);
}

net::Task<Response> show_mirror(Api& api, Request& request) {
  co_return versioned_response(co_await db::show_directory_mirror(api.pool, request.parts["name"]));
}

net::Task<Response> put_mirror(Api& api, Request& request) {
  json::object body = with_defaults(read_directory_mirror_body(request.body), directory_mirror_fields());
  if (!body.contains("fields")) body["fields"] = json::array{};
  co_return put_response(co_await db::put_directory_mirror(
      api.pool, request.parts["name"], json::serialize(body), version_if_given(request), actor_of(request)));
}

net::Task<Response> edit_mirror(Api& api, Request& request) {
  const json::object body = read_directory_mirror_body(request.body);
  co_return versioned_response(co_await db::put_directory_mirror(
      api.pool, request.parts["name"], json::serialize(body), if_match(request), actor_of(request)));
}

net::Task<Response> remove_mirror(Api& api, Request& request) {
  co_await db::remove_directory_mirror(api.pool, request.parts["name"], if_match(request), actor_of(request));
  co_return json_response("", 204);
}

}  // namespace

void add_directory_config_routes(Router& router) {
  router.add({"GET", "/api/v1/stores/{name}/directory", show});
  router.add({"PUT", "/api/v1/stores/{name}/directory", put});
  router.add({"PATCH", "/api/v1/stores/{name}/directory", edit});
  router.add({"DELETE", "/api/v1/stores/{name}/directory", remove});
  router.add({"PUT", "/api/v1/stores/{name}/directory/credential", set_credential});
  router.add({"GET", "/api/v1/links/{name}/directory", show_mirror});
  router.add({"PUT", "/api/v1/links/{name}/directory", put_mirror});
  router.add({"PATCH", "/api/v1/links/{name}/directory", edit_mirror});
  router.add({"DELETE", "/api/v1/links/{name}/directory", remove_mirror});
}

}  // namespace mirror::http
