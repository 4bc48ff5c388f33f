// SPDX-License-Identifier: Apache-2.0
// Requests as anybody on the socket may send them: "METHOD TARGET [IF-MATCH]", and the body from the second
// line on. Each is answered in JSON, and none is an internal error. There is no database here: who asks it
// hears that it is away.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>

#include "base/codes.hpp"
#include "base/log.hpp"
#include "http/api.hpp"

namespace {

using namespace mirror;
using http::Request;
using http::Response;

db::PoolSettings nowhere() {
  db::PoolSettings settings;
  settings.connection = "host=/nonexistent";
  settings.workers = 1;
  return settings;
}

struct Site {
  boost::asio::io_context loop{1};
  db::Pool pool{nowhere()};
  http::Settings settings;
  http::EventSignal events;
  http::Api api{pool, settings, events};
  http::Router router = http::make_router();

  Site() {
    settings.profiles = {"dovecot", "generic"};
    // Above every level: that the database is away is no news.
    base::log::configure(static_cast<base::log::Level>(99), base::log::Format::text);
  }
};

void require(bool good) {
  if (!good) std::abort();
}

std::string_view take_word(std::string_view& text, char end) {
  const std::string_view word = text.substr(0, text.find(end));
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return word;
}

Request request_of(std::string_view input) {
  std::string_view line = take_word(input, '\n');
  Request request;
  request.method = std::string(take_word(line, ' '));
  http::set_target(request, take_word(line, ' '));
  if (!line.empty()) request.headers["if-match"] = std::string(line);
  request.body = std::string(input);
  request.request_id = "r1";
  request.caller.name = "unix:anybody";
  request.caller.allowed = true;
  return request;
}

void check(const Response& response) {
  require(response.status >= 200 && response.status < 600 && response.status != 500);
  if (response.body.empty() || response.content_type.find("json") == std::string::npos) return;
  boost::json::error_code error;
  const auto body = boost::json::parse(response.body, error);
  require(!error);
  if (response.status < 400 || !body.as_object().contains("code")) return;
  const auto& code = body.as_object().at("code").as_string();
  require(base::code_of(code).id == code);
}

// What was decoded is decoded to the same when it was encoded again.
void check_names(Request request, const http::Router& router) {
  const http::Route* route = nullptr;
  try {
    route = &router.find(request);
  } catch (const http::Problem&) {
    return;  // nothing is there
  }
  std::string target = route->pattern;
  for (const auto& [name, value] : request.parts) {
    const std::string mark = "{" + name + "}";
    target.replace(target.find(mark), mark.size(), http::percent_encode(value));
  }
  char before = '?';
  for (const auto& [name, value] : request.query) {
    target += before + http::percent_encode(name) + "=" + http::percent_encode(value);
    before = '&';
  }
  Request again;
  again.method = request.method;
  http::set_target(again, target);
  require(again.query == request.query);
  require(&router.find(again) == route && again.parts == request.parts);
  require(router.body_limit(request.method, request.path) >= route->body_limit);
}

net::Task<void> answer(Site& site, Request& request) {
  check(co_await http::dispatch(site.api, site.router, request));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Site site;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  require(http::percent_decode(http::percent_encode(input)) == input);
  Request request = request_of(input);
  // No other method passes the parser of HTTP.
  if (request.method.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string::npos) return 0;
  std::exception_ptr error;
  boost::asio::co_spawn(site.loop, answer(site, request),
                        [&error](const std::exception_ptr& e) { error = e; });
  site.loop.restart();
  site.loop.run();
  if (error) std::rethrow_exception(error);
  check_names(std::move(request), site.router);
  return 0;
}
