// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/exit_codes.hpp"
#include "cli/field_options.hpp"
#include "cli/run_wait.hpp"
#include "http/message.hpp"

namespace mirror::cli {

namespace json = boost::json;
using http::Field;

namespace {

std::string path_of(const std::string& noun, const std::string& name) {
  return "/api/v1/" + noun + "/" + http::percent_encode(name);
}

void send_credential(Invocation& invocation, const std::string& name) {
  const json::object body{{"password", read_secret(invocation)}};
  invocation.call("PUT", path_of("stores", name) + "/credential", &body);
}

int add_store(Invocation& invocation) {
  json::object body = body_of(invocation, http::store_fields());
  body["name"] = invocation.text("name");
  json::object store = invocation.call("POST", "/api/v1/stores", &body);
  const std::string name = invocation.text("name");
  if (invocation.has("secret-file")) {
    send_credential(invocation, name);
    store = invocation.get(path_of("stores", name));
  }
  if (invocation.out.is_json())
    invocation.out.json(std::move(store), "mirrorctl.store/1");
  else
    invocation.out.line(fmt::format("store {} added", name));
  invocation.out.next(invocation.has("secret-file") ? "mirrorctl store test " + name
                                                    : "mirrorctl store credential set " + name);
  return k_ok;
}

int edit_any(Invocation& invocation, const std::string& noun, const std::vector<Field>& fields,
             std::string_view schema) {
  const json::object body = body_of(invocation, fields);
  if (body.empty()) throw Ended(k_usage, "nothing to change: name at least one field");
  const std::string path = path_of(noun, invocation.text("name"));
  const json::object current = invocation.get(path);
  json::object changed = invocation.call(
      "PATCH", path, &body, {{"If-Match", fmt::format("\"{}\"", number_of(current, "row_version"))}});
  invocation.out.object(changed, schema);
  return k_ok;
}

int edit_store(Invocation& invocation) {
  return edit_any(invocation, "stores", http::store_fields(), "mirrorctl.store/1");
}
int edit_link(Invocation& invocation) {
  return edit_any(invocation, "links", http::link_fields(), "mirrorctl.link/1");
}

int list_stores(Invocation& invocation) {
  const json::object answer = invocation.get("/api/v1/stores");
  invocation.out.rows(answer.at("items").as_array(),
                      {{"store", "name"},
                       {"state", "state"},
                       {"host", "host"},
                       {"port", "port"},
                       {"tls", "tls"},
                       {"profile", "profile"},
                       {"login", "login"},
                       {"password", "password_set"},
                       {"why", "state_text"}},
                      "mirrorctl.stores/1");
  return k_ok;
}

int show_store(Invocation& invocation) {
  invocation.out.object(invocation.get(path_of("stores", invocation.text("name"))), "mirrorctl.store/1");
  return k_ok;
}

int remove_store(Invocation& invocation) {
  const std::string path = path_of("stores", invocation.text("name"));
  const json::object current = invocation.get(path);
  invocation.call("DELETE", path, nullptr,
                  {{"If-Match", fmt::format("\"{}\"", number_of(current, "row_version"))}});
  invocation.out.note(fmt::format("store {} removed", invocation.text("name")));
  return k_ok;
}

int set_credential(Invocation& invocation) {
  send_credential(invocation, invocation.text("name"));
  invocation.out.note("the password is sealed and in use from now on");
  invocation.out.next("mirrorctl store test " + invocation.text("name"));
  return k_ok;
}

json::object run_store_test(Invocation& invocation) {
  const json::object run = invocation.call("POST", path_of("stores", invocation.text("name")) + "/tests");
  return wait_for_run(invocation, text_of(run, "id"));
}

json::array result_rows(const json::object& run, const char* member) {
  const json::value* rows = find_member(run, std::string("result.") + member);
  return rows != nullptr && rows->is_array() ? rows->get_array() : json::array{};
}

int test_store(Invocation& invocation) {
  const json::object run = run_store_test(invocation);
  const json::array steps = result_rows(run, "steps");
  invocation.out.rows(
      steps, {{"step", "name"}, {"outcome", "outcome"}, {"ms", "ms"}, {"detail", "detail"}, {"hint", "hint"}},
      "mirrorctl.store-test/1");
  bool failed = text_of(run, "state") != "done";
  for (const auto& step : steps) failed = failed || text_of(step.as_object(), "outcome") == "failed";
  return failed ? k_failed : k_ok;
}

int store_caps(Invocation& invocation) {
  const json::object run = run_store_test(invocation);
  const json::array rows = result_rows(run, "capabilities");
  invocation.out.rows(rows,
                      {{"capability", "name"}, {"offered", "offered"}, {"used", "used"}, {"why", "why"}},
                      "mirrorctl.store-caps/1");
  return text_of(run, "state") == "done" ? k_ok : k_failed;
}

int add_link(Invocation& invocation) {
  json::object body = body_of(invocation, http::link_fields());
  for (const char* member : {"name", "source", "target"}) body[member] = invocation.text(member);
  json::object link = invocation.call("POST", "/api/v1/links", &body);
  if (invocation.out.is_json())
    invocation.out.json(std::move(link), "mirrorctl.link/1");
  else
    invocation.out.line(fmt::format("link {} added: {} -> {}", invocation.text("name"),
                                    invocation.text("source"), invocation.text("target")));
  invocation.out.next("mirrorctl mailbox import FILE");
  return k_ok;
}

int list_links(Invocation& invocation) {
  const json::object answer = invocation.get("/api/v1/links");
  invocation.out.rows(answer.at("items").as_array(),
                      {{"link", "name"},
                       {"source", "source"},
                       {"target", "target"},
                       {"mailboxes", "mailboxes"},
                       {"foreign", "foreign_policy"},
                       {"paused", "paused_reason"}},
                      "mirrorctl.links/1");
  return k_ok;
}

int show_link(Invocation& invocation) {
  const json::object link = invocation.get(path_of("links", invocation.text("name")));
  invocation.out.object(link, "mirrorctl.link/1");
  if (!invocation.out.is_json() && !link.at("rules").as_array().empty())
    invocation.out.rows(link.at("rules").as_array(),
                        {{"rule", "id"}, {"action", "action"}, {"mask", "mask"}, {"by", "actor"}},
                        "mirrorctl.rules/1");
  return k_ok;
}

}  // namespace

void add_store_commands(Commands& commands) {
  const Argument name{"name", "the store's name", true};
  const Option secret{"secret-file", "file with the password; - is standard input", "PATH", false};
  auto adding = options_of(http::store_fields(), true);
  adding.push_back(secret);
  commands.push_back({{"store", "add"}, "add a message store", {name}, adding, add_store});
  commands.push_back({{"store", "list"}, "all stores", {}, {}, list_stores});
  commands.push_back({{"store", "show"}, "one store", {name}, {}, show_store});
  commands.push_back({{"store", "edit"},
                      "change fields of a store",
                      {name},
                      options_of(http::store_fields(), false),
                      edit_store});
  commands.push_back({{"store", "remove"}, "forget a store that no link uses", {name}, {}, remove_store});
  commands.push_back({{"store", "test"}, "try every step of reaching it", {name}, {}, test_store});
  commands.push_back({{"store", "caps"}, "what it offers, what is used, why not", {name}, {}, store_caps});
  commands.push_back({{"store", "credential", "set"},
                      "set the password (standard input or --secret-file)",
                      {name},
                      {secret},
                      set_credential});
}

void add_link_commands(Commands& commands) {
  const Argument name{"name", "the link's name", true};
  auto adding = options_of(http::link_fields(), true);
  adding.push_back({"source", "store to read", "STORE", true});
  adding.push_back({"target", "store to make equal", "STORE", true});
  commands.push_back({{"link", "add"}, "mirror one store to another", {name}, adding, add_link});
  commands.push_back({{"link", "list"}, "all links", {}, {}, list_links});
  commands.push_back({{"link", "show"}, "one link and its participation rules", {name}, {}, show_link});
  commands.push_back({{"link", "edit"},
                      "change fields of a link",
                      {name},
                      options_of(http::link_fields(), false),
                      edit_link});
}

}  // namespace mirror::cli
