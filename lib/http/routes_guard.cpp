// SPDX-License-Identifier: Apache-2.0
#include "db/view_guard.hpp"
#include "http/api.hpp"
#include "http/fields.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

net::Task<Response> list(Api& api, Request& request) {
  allow_query(request, {"mailbox", "offset", "limit"});
  co_return json_response(co_await db::list_guard(api.pool, mask_query(request, "mailbox", "*"),
                                                  int_query(request, "offset", 0, 0, 1 << 30),
                                                  int_query(request, "limit", 200, 1, 200)));
}

net::Task<Response> show(Api& api, Request& request) {
  allow_query(request, {"link", "offset", "limit"});
  co_return json_response(co_await db::show_guard(
      api.pool, request.query_or("link", ""), request.parts["name"],
      int_query(request, "offset", 0, 0, 1 << 30), int_query(request, "limit", 200, 1, 1000)));
}

const std::vector<Field>& release_fields() {
  static const std::vector<Field> fields = [] {
    std::vector<Field> out(5);
    out[0].name = "reason";
    out[0].highest = 500;
    out[1].name = "link";
    out[1].fallback = "";
    out[1].highest = 64;
    out[2].name = "folder";
    out[2].fallback = "";
    out[2].highest = 1000;
    out[3].name = "source_uid";
    out[3].kind = Field::Kind::integer;
    out[3].fallback = 0;
    out[3].highest = 4294967295;
    out[4].name = "expected";
    out[4].kind = Field::Kind::integer;
    out[4].fallback = 0;
    out[4].highest = 4294967295;
    return out;
  }();
  return fields;
}

net::Task<Response> release(Api& api, Request& request) {
  const json::object body = read_fields(request.body, release_fields(), true);
  db::GuardRelease wanted;
  wanted.mailbox = request.parts["name"];
  require_mask("the name", wanted.mailbox);
  wanted.link = text_member(body, "link");
  wanted.folder = text_member(body, "folder");
  if (const auto* uid = body.if_contains("source_uid")) wanted.source_uid = uid->to_number<std::int64_t>();
  if (const auto* seen = body.if_contains("expected")) wanted.expected = seen->to_number<std::int64_t>();
  wanted.reason = text_member(body, "reason");
  if (wanted.source_uid != 0 && wanted.folder.empty())
    throw Problem(422, "MRD-HTTP-001", "a UID needs its folder", {{"/folder", "is missing"}});
  co_return json_response(co_await db::release_guard(api.pool, std::move(wanted), actor_of(request)), 202);
}

}  // namespace

void add_guard_routes(Router& router) {
  router.add({"GET", "/api/v1/guard", list});
  router.add({"GET", "/api/v1/guard/{name}", show});
  router.add({"POST", "/api/v1/guard/{name}/release", release});
}

}  // namespace mirror::http
