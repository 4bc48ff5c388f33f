// SPDX-License-Identifier: Apache-2.0
// The passwords of mailbox owners, for stores where each logs in with its own.
#include "db/config_passwords.hpp"
#include "http/api.hpp"
#include "http/fields.hpp"
#include "http/password_lines.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

constexpr std::size_t k_import_limit = 16U << 20;
constexpr std::size_t k_complaints_shown = 100;

Field text_field(std::string name, json::value fallback, std::int64_t longest) {
  Field field;
  field.name = std::move(name);
  field.fallback = std::move(fallback);
  field.highest = longest;
  return field;
}

const std::vector<Field>& credential_fields() {
  static const std::vector<Field> fields{text_field("store", nullptr, 64), text_field("link", "", 64),
                                         text_field("password", nullptr, 1024)};
  return fields;
}

const std::vector<Field>& import_fields() {
  static const std::vector<Field> fields{text_field("link", "", 64),
                                         text_field("document", nullptr, k_import_limit)};
  return fields;
}

Response answer(const db::PasswordsSet& done) {
  return json_response(json::serialize(json::object{{"set", done.set}, {"used", done.used}}));
}

net::Task<Response> set(Api& api, Request& request) {
  const json::object body = read_fields(request.body, credential_fields(), true);
  db::NewPassword one{request.parts["name"], base::SecretText(text_member(body, "password"))};
  if (const std::string wrong = check_password(one.password.reveal()); !wrong.empty())
    throw Problem(422, "MRD-HTTP-001", "the password " + wrong, {{"/password", wrong}});
  std::vector<db::NewPassword> passwords;
  passwords.push_back(std::move(one));
  const auto done = co_await db::set_mailbox_passwords(
      api.pool, {text_member(body, "store"), text_member(body, "link")}, std::move(passwords),
      require_sealer(api), "mailbox.credential", actor_of(request));
  if (!done.wrong.empty()) {
    const auto& wrong = done.wrong[0];
    throw db::Refused(wrong.why, fmt::format("\"{}\": {}", request.parts["name"], wrong.text));
  }
  co_return answer(done);
}

net::Task<Response> clear(Api& api, Request& request) {
  allow_query(request, {"store", "link"});
  if (request.query_or("store", "").empty())
    throw Problem(422, "MRD-HTTP-001", "store is missing", {{"/store", "is missing"}});
  co_await db::clear_mailbox_password(api.pool, {request.query_or("store", ""), request.query_or("link", "")},
                                      request.parts["name"], actor_of(request));
  co_return json_response("", 204);
}

// Throws 422 with one entry per wrong line, so that a person sees all at once.
void require_right(const std::vector<PasswordLines::Wrong>& wrong) {
  if (wrong.empty()) return;
  std::vector<FieldError> errors;
  for (const auto& one : wrong) {
    if (errors.size() == k_complaints_shown) {
      errors.push_back({"/document", fmt::format("and {} lines more", wrong.size() - errors.size())});
      break;
    }
    errors.push_back({"/document", fmt::format("line {}: {}", one.line, one.text)});
  }
  const std::string first = errors.front().detail;
  throw Problem(422, "MRD-HTTP-001", first, std::move(errors));
}

net::Task<Response> import_lines(Api& api, Request& request) {
  const json::object body = read_fields(request.body, import_fields(), true);
  const auto* document = body.if_contains("document");
  PasswordLines lines = parse_password_lines(std::string_view(document->get_string()));
  require_right(lines.wrong);
  if (lines.rows.empty())
    throw Problem(422, "MRD-HTTP-001", "the document names no mailbox", {{"/document", "names no mailbox"}});
  std::vector<db::NewPassword> passwords;
  for (auto& row : lines.rows) passwords.push_back({row.mailbox, std::move(row.password)});
  const auto done = co_await db::set_mailbox_passwords(
      api.pool, {request.parts["name"], text_member(body, "link")}, std::move(passwords), require_sealer(api),
      "mailbox.credential.import", actor_of(request));
  std::vector<PasswordLines::Wrong> wrong;
  for (const auto& one : done.wrong) wrong.push_back({lines.rows[one.index].line, one.text});
  require_right(wrong);
  co_return answer(done);
}

}  // namespace

void add_password_routes(Router& router) {
  router.add({"PUT", "/api/v1/mailboxes/{name}/credential", set});
  router.add({"DELETE", "/api/v1/mailboxes/{name}/credential", clear});
  router.add({"POST", "/api/v1/stores/{name}/mailbox-credentials", import_lines, k_import_limit});
}

}  // namespace mirror::http
