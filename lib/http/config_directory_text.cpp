// SPDX-License-Identifier: Apache-2.0
// [store.X.directory], [link.X.directory] and its map.
#include <fmt/format.h>

#include "db/config_directory.hpp"
#include "http/config_text_detail.hpp"
#include "http/directory_map.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

json::object read_map_field(base::SettingsTable& table) {
  json::object out;
  for (const auto* const name : {"source", "target", "name", "kind"})
    if (auto text = table.text(name)) out[name] = *text;
  if (auto flag = table.boolean("required")) out["required"] = *flag;
  if (auto text = table.text("rule")) out["rule"] = *text;
  if (auto words = table.texts("constant")) out["constant"] = json::value_from(*words);
  if (auto text = table.text("default")) out["default"] = *text;
  if (auto words = table.texts("transforms")) out["transforms"] = json::value_from(*words);
  table.finish();
  return out;
}

const json::object* directory_of(const json::object& owner) {
  const auto* value = owner.if_contains("directory");
  return value == nullptr ? nullptr : value->if_object();
}

}  // namespace

ConfigDocument::Directory read_directory(base::SettingsTable& table) {
  ConfigDocument::Directory out;
  out.fields = read_object(table, directory_fields());
  out.password_file = table.text("password_file").value_or("");
  out.ca_file = table.text("ca_file").value_or("");
  if (!out.ca_file.empty() && table.has("ca_pem"))
    table.complain("ca_file", "ca_file and ca_pem exclude each other");
  if (table.has("password")) table.complain("password", "a secret does not belong here: use password_file");
  table.finish();
  return out;
}

json::object read_directory_mirror(base::SettingsTable& table) {
  json::object out = read_object(table, directory_mirror_fields());
  for (const auto& time : out.at("times").as_array())
    if (const auto& text = time.as_string(); !db::is_time_of_day({text.data(), text.size()}))
      table.complain("times", fmt::format("\"{}\" is no time of day, 00:00 to 23:59",
                                          std::string_view(text.data(), text.size())));
  json::array map;
  for (auto& entry : table.tables("field")) map.push_back(read_map_field(entry));
  out["fields"] = std::move(map);
  if (const std::string wrong = map_problem(out.at("fields")); !wrong.empty()) table.complain("field", wrong);
  table.finish();
  return out;
}

void write_directory(std::string& out, const json::object& store) {
  const json::object* directory = directory_of(store);
  if (directory == nullptr) return;
  out += fmt::format("\n[store.{}.directory]\n", quoted(member(store, "name")));
  write_fields(out, *directory, directory_fields());
  const auto* password = directory->if_contains("password_set");
  if (password != nullptr && password->is_bool() && password->get_bool())
    out += "# a password is set; to set it from here: password_file = \"PATH\"\n";
}

void write_directory_mirror(std::string& out, const json::object& link) {
  const json::object* mirror = directory_of(link);
  if (mirror == nullptr) return;
  const std::string name = quoted(member(link, "name"));
  out += fmt::format("\n[link.{}.directory]\n", name);
  write_fields(out, *mirror, directory_mirror_fields());
  const auto* map = mirror->if_contains("fields");
  if (map == nullptr || !map->is_array()) return;
  for (const auto& field : map->get_array()) {
    out += fmt::format("\n[[link.{}.directory.field]]\n", name);
    for (const auto& [key, value] : field.as_object())
      out += fmt::format("{} = {}\n", std::string_view(key.data(), key.size()), toml_value(value));
  }
}

}  // namespace mirror::http
