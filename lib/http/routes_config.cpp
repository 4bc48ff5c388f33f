// SPDX-License-Identifier: Apache-2.0
#include "db/config_document.hpp"
#include "http/api.hpp"
#include "http/config_plan.hpp"
#include "http/fields.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

constexpr std::size_t k_document_limit = 16U << 20;

net::Task<Response> show(Api& api, Request& request) {
  allow_query(request, {});
  const json::value current = json::parse(co_await db::read_configuration(api.pool));
  Response response;
  response.content_type = "application/toml";
  response.body = format_config(current.as_object());
  co_return response;
}

std::map<std::string, std::string> files_of(const json::object& body) {
  std::map<std::string, std::string> files;
  if (const auto* given = body.if_contains("files"); given != nullptr && given->is_object())
    for (const auto& [name, value] : given->get_object())
      if (value.is_string()) files[std::string(name)] = std::string(value.get_string());
  return files;
}

// Throws 422 with one entry per wrong place, so that a person sees all at once.
ConfigDocument read_document(const json::object& body) {
  for (const auto& [key, value] : body)
    if (key != "document" && key != "file_name" && key != "files")
      throw Problem(422, "MRD-HTTP-001", fmt::format("\"{}\" is not a known field", std::string_view(key)),
                    {{"/" + std::string(key), "is not a known field"}});
  if (!body.contains("document") || !body.at("document").is_string())
    throw Problem(422, "MRD-HTTP-001", "document is missing", {{"/document", "must be a text"}});
  ConfigDocument document =
      parse_config(text_member(body, "document"), text_member(body, "file_name", "document"));
  if (document.errors.empty()) return document;
  std::vector<FieldError> errors;
  for (const auto& error : document.errors) errors.push_back({"/document", error.format()});
  throw Problem(422, "MRD-CONF-001", document.errors[0].format(), std::move(errors));
}

void require_possible(const ConfigPlan& plan) {
  if (plan.errors.empty()) return;
  std::vector<FieldError> errors;
  for (const auto& error : plan.errors) errors.push_back({"/document", error});
  throw Problem(422, "MRD-CONF-001", plan.errors[0], std::move(errors));
}

std::string plan_body(const ConfigPlan& plan, bool applied) {
  json::array lines;
  for (const auto& line : plan.lines)
    lines.push_back(json::object{{"action", line.action}, {"object", line.object}, {"detail", line.detail}});
  return json::serialize(
      json::object{{"applied", applied}, {"changes", !plan.empty()}, {"lines", std::move(lines)}});
}

net::Task<ConfigPlan> make_plan(Api& api, Request& request) {
  const json::object body = parse_object(request.body);
  const ConfigDocument document = read_document(body);
  const json::value current = json::parse(co_await db::read_configuration(api.pool));
  ConfigPlan plan = plan_config(current.as_object(), document, files_of(body));
  require_possible(plan);
  co_return plan;
}

net::Task<Response> show_plan(Api& api, Request& request) {
  const ConfigPlan plan = co_await make_plan(api, request);
  co_return json_response(plan_body(plan, false));
}

net::Task<Response> apply(Api& api, Request& request) {
  ConfigPlan plan = co_await make_plan(api, request);
  if (plan.empty()) co_return json_response(plan_body(plan, false));
  const std::string body = plan_body(plan, true);
  co_await db::apply_configuration(api.pool, std::move(plan.changes), api.settings.sealer.get(),
                                   actor_of(request));
  co_return json_response(body);
}

}  // namespace

void add_config_routes(Router& router) {
  router.add({"GET", "/api/v1/config", show});
  router.add({"POST", "/api/v1/config/plan", show_plan, k_document_limit});
  router.add({"POST", "/api/v1/config/apply", apply, k_document_limit});
}

}  // namespace mirror::http
