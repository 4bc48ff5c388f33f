// SPDX-License-Identifier: Apache-2.0
// The directory of a store and the directory mirror of a link.
#include <fmt/format.h>

#include "cli/exit_codes.hpp"
#include "cli/field_options.hpp"
#include "http/message.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

const char* const k_store_schema = "mirrorctl.store-directory/1";
const char* const k_link_schema = "mirrorctl.link-directory/1";

std::string path_of(const Invocation& invocation, const char* noun) {
  return fmt::format("/api/v1/{}/{}/directory", noun, http::percent_encode(invocation.text("name")));
}

std::pair<std::string, std::string> version_of(const json::object& object) {
  return {"If-Match", fmt::format("\"{}\"", number_of(object, "row_version"))};
}

// Empty: there is none yet.
json::object find(Invocation& invocation, const std::string& path) {
  try {
    return invocation.get(path);
  } catch (const Ended& ended) {
    if (ended.exit_code() != k_not_found) throw;
    return {};
  }
}

// Creates what is not there, else changes what is named.
json::object set_any(Invocation& invocation, const std::string& path, const json::object& body) {
  json::object current = find(invocation, path);
  if (current.empty()) return invocation.call("PUT", path, &body);
  if (body.empty()) return current;
  return invocation.call("PATCH", path, &body, {version_of(current)});
}

int remove_any(Invocation& invocation, const char* noun, const char* words) {
  const std::string path = path_of(invocation, noun);
  invocation.call("DELETE", path, nullptr, {version_of(invocation.get(path))});
  invocation.out.note(fmt::format(fmt::runtime(words), invocation.text("name")));
  return k_ok;
}

void send_credential(Invocation& invocation, const std::string& path) {
  const json::object body{{"password", read_secret(invocation)}};
  invocation.call("PUT", path + "/credential", &body);
}

int set_store(Invocation& invocation) {
  const std::string path = path_of(invocation, "stores");
  const json::object body = body_of(invocation, http::directory_fields());
  if (body.empty() && !invocation.has("secret-file"))
    throw Ended(k_usage, "nothing to change: name at least one field");
  json::object directory = set_any(invocation, path, body);
  if (invocation.has("secret-file")) {
    send_credential(invocation, path);
    directory = invocation.get(path);
  }
  invocation.out.object(directory, k_store_schema);
  if (text_of(directory, "password_set") != "yes" && text_of(directory, "bind_method") == "simple")
    invocation.out.next("mirrorctl directory credential set " + invocation.text("name"));
  return k_ok;
}

int show_store(Invocation& invocation) {
  invocation.out.object(invocation.get(path_of(invocation, "stores")), k_store_schema);
  return k_ok;
}

int remove_store(Invocation& invocation) {
  return remove_any(invocation, "stores", "the directory of {} is forgotten; nothing in it was changed");
}

int set_credential(Invocation& invocation) {
  send_credential(invocation, path_of(invocation, "stores"));
  invocation.out.note("the password is sealed and in use from now on");
  return k_ok;
}

json::value read_map(const std::string& file) {
  json::error_code error;
  json::value map = json::parse(read_input(file), error);
  if (error || !map.is_array()) throw Ended(k_usage, file + " is no JSON list of fields");
  return map;
}

void print_mirror(Invocation& invocation, const json::object& mirror) {
  invocation.out.object(mirror, k_link_schema);
  const auto* map = mirror.if_contains("fields");
  if (invocation.out.is_json() || map == nullptr || map->as_array().empty()) return;
  invocation.out.rows(map->as_array(),
                      {{"source", "source"},
                       {"target", "target"},
                       {"name", "name"},
                       {"kind", "kind"},
                       {"required", "required"},
                       {"rule", "rule"},
                       {"constant", "constant"},
                       {"default", "default"},
                       {"transforms", "transforms"}},
                      "");
}

int set_link(Invocation& invocation) {
  json::object body = body_of(invocation, http::directory_mirror_fields());
  if (invocation.has("map-file")) body["fields"] = read_map(invocation.text("map-file"));
  print_mirror(invocation, set_any(invocation, path_of(invocation, "links"), body));
  invocation.out.next("mirrorctl directory plan --link " + invocation.text("name"));
  return k_ok;
}

int show_link(Invocation& invocation) {
  print_mirror(invocation, invocation.get(path_of(invocation, "links")));
  return k_ok;
}

int remove_link(Invocation& invocation) {
  return remove_any(invocation, "links", "the directory of {} is no longer mirrored");
}

}  // namespace

void add_directory_config_commands(Commands& commands) {
  const Argument store{"name", "the store's name", true};
  const Argument link{"name", "the link's name", true};
  const Option secret{"secret-file", "file with the password; - is standard input", "PATH", false};
  auto of_store = options_of(http::directory_fields(), false);
  of_store.push_back(secret);
  auto of_link = options_of(http::directory_mirror_fields(), false);
  of_link.push_back({"map-file", "JSON list of fields; [] is the sixteen of a subscriber", "FILE", false});
  commands.push_back(
      {{"directory", "store", "set"}, "say where a store's directory is", {store}, of_store, set_store});
  commands.push_back({{"directory", "store", "show"}, "a store's directory", {store}, {}, show_store});
  commands.push_back({{"directory", "store", "remove"}, "forget it", {store}, {}, remove_store});
  commands.push_back({{"directory", "credential", "set"},
                      "set its password (standard input or --secret-file)",
                      {store},
                      {secret},
                      set_credential});
  commands.push_back({{"directory", "link", "set"},
                      "mirror the directory of a link's source to its target's",
                      {link},
                      of_link,
                      set_link});
  commands.push_back(
      {{"directory", "link", "show"}, "what a link does with its directories", {link}, {}, show_link});
  commands.push_back(
      {{"directory", "link", "remove"}, "no longer mirror its directory", {link}, {}, remove_link});
}

}  // namespace mirror::cli
