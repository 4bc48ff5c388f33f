// SPDX-License-Identifier: Apache-2.0
#pragma once

// What every resource works with, and how each registers its routes. One source per resource (routes_*.cpp).

#include <boost/json.hpp>

#include "db/faces.hpp"
#include "http/event_signal.hpp"
#include "http/router.hpp"
#include "http/server.hpp"

namespace mirror::http {

struct Api {
  db::Pool& pool;
  const Settings& settings;
  EventSignal& events;
};

void add_status_routes(Router& router);  // livez, readyz, metrics, version, status
void add_state_routes(Router& router);
void add_store_routes(Router& router);
void add_link_routes(Router& router);
void add_mailbox_routes(Router& router);
void add_password_routes(Router& router);  // the own passwords of mailbox owners
void add_run_routes(Router& router);       // runs, reports, estimate
void add_event_routes(Router& router);     // events, audit
void add_guard_routes(Router& router);
void add_quarantine_routes(Router& router);
void add_service_routes(Router& router);
void add_config_routes(Router& router);
void add_directory_routes(Router& router);         // its status, runs, plans and history
void add_directory_config_routes(Router& router);  // of stores and links
Router make_router();

// Routes and answers a request; every expected refusal becomes a problem document, anything else 500 and a
// log line.
net::Task<Response> dispatch(Api& api, const Router& router, Request& request);

// Problem 400 unless the target is text: UTF-8 without NUL, its path as sent and decoded, its query decoded.
void require_text(const Request& request);

// Small words for the resources.
Response json_response(std::string body, int status = 200);
Response run_response(const db::Json& run);                             // 202, Location
Response versioned_response(const db::Json& object, int status = 200);  // ETag from row_version
db::Actor actor_of(const Request& request);
const base::Sealer& require_sealer(const Api& api);  // Problem 409 without one
std::int64_t if_match(const Request& request);       // Problem 428 when missing
int int_query(const Request& request, const std::string& name, int fallback, int lowest, int highest);
void allow_query(const Request& request,
                 std::initializer_list<std::string_view> names);  // Problem 422 for others
void require_mask(std::string_view name, std::string_view mask);  // Problem 422 when it is too long
std::string mask_query(const Request& request, const std::string& name, const std::string& fallback);
std::string text_member(const boost::json::object& object, std::string_view name, std::string fallback = {});
bool flag_member(const boost::json::object& object, std::string_view name);  // false when it is not there
// Adds "what" and "next_step" from the catalogue to objects with a "code" (or the named member).
void add_advice(boost::json::value& rows, std::string_view member = "code");

}  // namespace mirror::http
