// SPDX-License-Identifier: Apache-2.0
#include "http/api.hpp"

#include <charconv>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/codes.hpp"
#include "base/log.hpp"
#include "http/fields.hpp"

namespace mirror::http {

namespace json = boost::json;
namespace asio = boost::asio;

void EventSignal::wake() {
  for (auto* timer : waiters_) timer->cancel();
}

net::Task<void> EventSignal::wait(std::chrono::milliseconds limit) {
  asio::steady_timer timer(co_await asio::this_coro::executor, limit);
  struct Registration {
    Registration(std::set<asio::steady_timer*>& given, asio::steady_timer* mine) : set(given), timer(mine) {
      set.insert(timer);
    }
    ~Registration() { set.erase(timer); }
    std::set<asio::steady_timer*>& set;
    asio::steady_timer* timer;
  } registration(waiters_, &timer);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

Router make_router() {
  Router router;
  add_status_routes(router);
  add_state_routes(router);
  add_store_routes(router);
  add_link_routes(router);
  add_mailbox_routes(router);
  add_password_routes(router);
  add_run_routes(router);
  add_event_routes(router);
  add_guard_routes(router);
  add_quarantine_routes(router);
  add_service_routes(router);
  add_config_routes(router);
  add_directory_routes(router);
  add_directory_config_routes(router);
  return router;
}

void require_text(const Request& request) {
  // Octets that are no text as sent may be text once they are decoded: "%C3" before a raw A9.
  bool text = db::is_text(request.path) && db::is_text(percent_decode(request.path));
  for (const auto& [name, value] : request.query) text = text && db::is_text(name) && db::is_text(value);
  if (!text) throw Problem(400, "MRD-HTTP-001", "the target is no UTF-8 text");
}

namespace {

Problem problem_of(const db::Refused& refused) {
  using Why = db::Refused::Why;
  switch (refused.why()) {
    case Why::not_found:
      return Problem(404, "MRD-HTTP-002", refused.what());
    case Why::exists:
      return Problem(409, "MRD-HTTP-006", refused.what());
    case Why::stale:
      return Problem(412, "MRD-HTTP-011", refused.what());
    case Why::wrong_state:
      return Problem(409, "MRD-HTTP-003", refused.what());
    case Why::invalid:
      break;
  }
  return Problem(422, "MRD-HTTP-001", refused.what());
}

Problem problem_of(const base::Failed& failed) {
  const bool later = failed.failure().retry() != base::Retry::never;
  return Problem(later ? 503 : 500, failed.failure().code(),
                 std::string(base::code_of(failed.failure().code()).what));
}

void log_failure(const Request& request, const char* what) {
  base::log::error("http.failed", "a request failed",
                   {{"request_id", request.request_id}, {"path", request.path}, {"err", what}});
}

}  // namespace

net::Task<Response> dispatch(Api& api, const Router& router, Request& request) {
  try {
    // Liveness says nothing about the site and may be asked by anyone who reaches the socket.
    if (!request.caller.allowed && request.path != "/livez")
      throw Problem(403, "MRD-HTTP-004", fmt::format("{} may not use this socket", request.caller.name));
    require_text(request);
    const Route& route = router.find(request);
    co_return co_await route.handler(api, request);
  } catch (const Problem& problem) {
    co_return problem_response(problem, request);
  } catch (const db::Refused& refused) {
    co_return problem_response(problem_of(refused), request);
  } catch (const base::Failed& failed) {
    log_failure(request, failed.what());
    co_return problem_response(problem_of(failed), request);
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) throw;
    log_failure(request, error.what());
    co_return problem_response(Problem(500, "MRD-BASE-002", "an internal error; the log names it"), request);
  } catch (const std::exception& error) {
    log_failure(request, error.what());
    co_return problem_response(Problem(500, "MRD-BASE-002", "an internal error; the log names it"), request);
  }
}

Response json_response(std::string body, int status) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

Response run_response(const db::Json& run) {
  Response response = json_response(run, 202);
  response.headers.emplace_back("Location",
                                "/api/v1/runs/" + text_member(json::parse(run).as_object(), "id"));
  return response;
}

Response versioned_response(const db::Json& object, int status) {
  Response response = json_response(object, status);
  const json::value value = json::parse(object);
  if (const auto* version = value.as_object().if_contains("row_version"))
    response.headers.emplace_back("ETag", fmt::format("\"{}\"", version->to_number<std::int64_t>()));
  return response;
}

db::Actor actor_of(const Request& request) {
  db::Actor actor;
  actor.who = request.caller.name;
  actor.request_id = request.request_id;
  return actor;
}

const base::Sealer& require_sealer(const Api& api) {
  if (!api.settings.sealer)
    throw Problem(409, "MRD-BASE-003", "the daemon has no sealing key, so it cannot keep a credential");
  return *api.settings.sealer;
}

std::int64_t if_match(const Request& request) {
  const auto found = request.headers.find("if-match");
  if (found == request.headers.end())
    throw Problem(428, "MRD-HTTP-012", "send If-Match with the row_version that you read");
  std::string_view text = found->second;
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  std::int64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc{} || end != text.data() + text.size())
    throw Problem(412, "MRD-HTTP-011", "If-Match does not name a row_version");
  return version;
}

int int_query(const Request& request, const std::string& name, int fallback, int lowest, int highest) {
  const std::string text = request.query_or(name, "");
  if (text.empty()) return fallback;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < lowest || value > highest)
    throw Problem(422, "MRD-HTTP-001", fmt::format("{} must be from {} to {}", name, lowest, highest));
  return value;
}

void allow_query(const Request& request, std::initializer_list<std::string_view> names) {
  for (const auto& [name, value] : request.query)
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw Problem(422, "MRD-HTTP-001", fmt::format("the query field \"{}\" is not known here", name));
}

void require_mask(std::string_view name, std::string_view mask) {
  if (std::ssize(mask) > k_longest_mask)
    throw Problem(422, "MRD-HTTP-001",
                  fmt::format("{} must be at most {} octets long", name, k_longest_mask));
}

std::string mask_query(const Request& request, const std::string& name, const std::string& fallback) {
  std::string mask = request.query_or(name, fallback);
  require_mask(name, mask);
  return mask;
}

bool flag_member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::string text_member(const json::object& object, std::string_view name, std::string fallback) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : fallback;
}

void add_advice(json::value& rows, std::string_view member) {
  if (!rows.is_array()) return;
  for (auto& row : rows.get_array()) {
    if (!row.is_object()) continue;
    const std::string id = text_member(row.get_object(), member);
    const base::Code* code = id.empty() ? nullptr : &base::code_of(id);
    row.get_object()["what"] = code == nullptr ? std::string() : std::string(code->what);
    row.get_object()["next_step"] = code == nullptr ? std::string() : std::string(code->next_step);
  }
}

}  // namespace mirror::http
