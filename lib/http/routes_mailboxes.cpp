// SPDX-License-Identifier: Apache-2.0
#include "db/config_mailboxes.hpp"
#include "db/view_mailboxes.hpp"
#include "http/api.hpp"
#include "http/fields.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

constexpr std::size_t k_import_limit = 16U << 20;

net::Task<Response> list(Api& api, Request& request) {
  allow_query(request, {"link", "mask", "status", "sort", "offset", "limit"});
  db::MailboxQuery query;
  query.link = request.query_or("link", "");
  query.mask = mask_query(request, "mask", "*");
  query.status = request.query_or("status", "");
  query.sort = request.query_or("sort", "name");
  query.offset = int_query(request, "offset", 0, 0, 1 << 30);
  query.limit = int_query(request, "limit", 200, 1, 200);
  json::value body = json::parse(co_await db::list_mailboxes(api.pool, std::move(query)));
  add_advice(body.as_object()["items"], "error_code");
  co_return json_response(json::serialize(body));
}

net::Task<Response> show(Api& api, Request& request) {
  allow_query(request, {"link"});
  json::array one;
  one.push_back(
      json::parse(co_await db::show_mailbox(api.pool, request.query_or("link", ""), request.parts["name"])));
  json::value rows(std::move(one));
  add_advice(rows, "error_code");
  co_return json_response(json::serialize(rows.as_array()[0]));
}

net::Task<Response> history(Api& api, Request& request) {
  allow_query(request, {"link", "after", "limit"});
  co_return json_response("{\"items\":" +
                          co_await db::mailbox_history(api.pool, request.query_or("link", ""),
                                                       request.parts["name"], request.query_or("after", ""),
                                                       int_query(request, "limit", 200, 1, 1000)) +
                          "}");
}

db::NewMailbox new_mailbox(const json::value& item, std::size_t index) {
  db::NewMailbox mailbox;
  if (item.is_string()) {
    mailbox.name = item.get_string();
  } else if (item.is_object()) {
    for (const auto& [key, value] : item.get_object())
      if ((key != "name" && key != "target_name") || !value.is_string())
        throw Problem(
            422, "MRD-HTTP-001",
            fmt::format("mailbox {} has a wrong member \"{}\"", index, std::string_view(key)),
            {{fmt::format("/mailboxes/{}/{}", index, std::string_view(key)), "is not known or no text"}});
    mailbox.name = text_member(item.get_object(), "name");
    mailbox.target_name = text_member(item.get_object(), "target_name");
  }
  const bool good = !mailbox.name.empty() && mailbox.name.size() <= 255 &&
                    mailbox.target_name.size() <= 255 &&
                    mailbox.name.find_first_of(std::string_view("\0\r\n", 3)) == std::string::npos &&
                    mailbox.target_name.find_first_of(std::string_view("\0\r\n", 3)) == std::string::npos;
  if (!good)
    throw Problem(422, "MRD-HTTP-001", fmt::format("mailbox {} has no usable name", index),
                  {{fmt::format("/mailboxes/{}", index),
                    "needs a name of 1 to 255 octets without control characters"}});
  return mailbox;
}

net::Task<Response> add(Api& api, Request& request) {
  const json::object body = parse_object(request.body);
  std::vector<db::NewMailbox> mailboxes;
  for (const auto& [key, value] : body)
    if (key != "link" && key != "origin" && key != "mailboxes")
      throw Problem(422, "MRD-HTTP-001", fmt::format("\"{}\" is not a known field", std::string_view(key)),
                    {{"/" + std::string(key), "is not a known field"}});
  const auto* items = body.if_contains("mailboxes");
  if (items == nullptr || !items->is_array())
    throw Problem(422, "MRD-HTTP-001", "mailboxes is missing", {{"/mailboxes", "must be a list"}});
  const std::string origin = text_member(body, "origin", "added");
  if (origin != "added" && origin != "import")
    throw Problem(422, "MRD-HTTP-001", "origin is added or import",
                  {{"/origin", "must be one of: added, import"}});
  for (const auto& item : items->get_array()) mailboxes.push_back(new_mailbox(item, mailboxes.size()));
  co_return json_response(co_await db::add_mailboxes(api.pool, text_member(body, "link"),
                                                     std::move(mailboxes), origin, actor_of(request)),
                          201);
}

const std::vector<Field>& participation_fields() {
  static const std::vector<Field> fields = [] {
    std::vector<Field> out(3);
    out[0].name = "action";
    out[0].kind = Field::Kind::choice;
    out[0].words = {"include", "exclude"};
    out[1].name = "mask";
    out[1].highest = k_longest_mask;
    out[2].name = "link";
    out[2].fallback = "";
    out[2].highest = 64;
    return out;
  }();
  return fields;
}

net::Task<Response> participate(Api& api, Request& request) {
  const json::object body = read_fields(request.body, participation_fields(), true);
  co_return json_response(co_await db::set_participation(api.pool, text_member(body, "link"),
                                                         text_member(body, "action"),
                                                         text_member(body, "mask"), actor_of(request)));
}

net::Task<Response> remove_rule(Api& api, Request& request) {
  allow_query(request, {"link", "mask"});
  co_return json_response(co_await db::remove_rule(api.pool, request.query_or("link", ""),
                                                   request.query_or("mask", ""), actor_of(request)));
}

}  // namespace

void add_mailbox_routes(Router& router) {
  router.add({"GET", "/api/v1/mailboxes", list});
  router.add({"POST", "/api/v1/mailboxes", add, k_import_limit});
  router.add({"GET", "/api/v1/mailboxes/{name}", show});
  router.add({"GET", "/api/v1/mailboxes/{name}/history", history});
  router.add({"POST", "/api/v1/participation", participate});
  router.add({"DELETE", "/api/v1/participation", remove_rule});
}

}  // namespace mirror::http
