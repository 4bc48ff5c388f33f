// SPDX-License-Identifier: Apache-2.0
#include "db/site_change.hpp"
#include "http/api.hpp"
#include "http/fields.hpp"

namespace mirror::http {

namespace {

net::Task<Response> show_state(Api& api, Request& request) {
  allow_query(request, {});
  co_return json_response(co_await db::show_site(api.pool));
}

const std::vector<Field>& state_fields() {
  static const std::vector<Field> fields = [] {
    std::vector<Field> out(2);
    out[0].name = "state";
    out[0].kind = Field::Kind::choice;
    out[0].words = {"mirroring", "suspended"};
    out[1].name = "reason";
    out[1].fallback = "";
    out[1].highest = 1024;
    return out;
  }();
  return fields;
}

// The answer is the state at once; "suspending" becomes "suspended" when every node has acknowledged.
net::Task<Response> put_state(Api& api, Request& request) {
  const auto body = read_fields(request.body, state_fields(), true);
  const std::string state = text_member(body, "state");
  const std::string reason = text_member(body, "reason");
  if (state == "suspended") {
    if (reason.empty())
      throw Problem(422, "MRD-HTTP-001", "a reason is needed to suspend", {{"/reason", "is missing"}});
    co_return json_response(co_await db::suspend_site(api.pool, reason, actor_of(request)), 202);
  }
  co_return json_response(co_await db::resume_site(api.pool, reason, actor_of(request)), 202);
}

}  // namespace

void add_state_routes(Router& router) {
  router.add({"GET", "/api/v1/state", show_state});
  router.add({"PUT", "/api/v1/state", put_state});
}

}  // namespace mirror::http
