// SPDX-License-Identifier: Apache-2.0
#include "cli/field_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/exit_codes.hpp"

namespace mirror::cli {

namespace json = boost::json;
using http::Field;

namespace {

std::string flag_of(const std::string& field) {
  std::string flag = field;
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

json::value value_of(const Invocation& invocation, const Field& field) {
  const std::string flag = flag_of(field.name);
  const std::string text = invocation.text(flag);
  if (field.kind == Field::Kind::integer) return invocation.number(flag, 0);
  if (field.kind == Field::Kind::boolean) {
    if (text != "true" && text != "false") throw Ended(k_usage, fmt::format("--{} is true or false", flag));
    return text == "true";
  }
  if (field.kind == Field::Kind::texts) {
    json::array list;
    for (const auto& word : split_list(text)) list.emplace_back(word);
    return list;
  }
  return json::value(text);
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

// " (636)"; nothing for what has none.
std::string default_text(const json::value& fallback) {
  if (fallback.is_null()) return {};
  if (const auto* text = fallback.if_string())
    return text->empty() ? std::string() : fmt::format(" ({})", std::string_view(*text));
  const auto* list = fallback.if_array();
  if (list == nullptr) return fmt::format(" ({})", json::serialize(fallback));
  std::vector<std::string> words;
  for (const auto& word : *list) words.emplace_back(word.as_string());
  return words.empty() ? std::string() : fmt::format(" ({})", fmt::join(words, ","));
}

}  // namespace

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> list;
  std::string rest = text;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    list.emplace_back(rest.substr(0, comma));
    rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
  }
  return list;
}

std::vector<Option> options_of(const std::vector<Field>& fields, bool creating) {
  std::vector<Option> options;
  for (const Field& field : fields) {
    if (field.name == "ca_pem") {
      options.push_back({"ca-file", "PEM file of the CA that signed the server", "PATH", false});
      continue;
    }
    std::string help = field.help, kind = "TEXT";
    if (field.kind == Field::Kind::integer) kind = "N";
    if (field.kind == Field::Kind::boolean) kind = "true|false";
    if (field.kind == Field::Kind::texts) kind = "A,B";
    if (field.kind == Field::Kind::choice) help += ": " + joined(field.words);
    const bool required = creating && field.fallback.is_null();
    help += default_text(field.fallback);
    options.push_back({flag_of(field.name), help, kind, required});
  }
  return options;
}

json::object body_of(const Invocation& invocation, const std::vector<Field>& fields) {
  json::object body;
  for (const Field& field : fields)
    if (invocation.has(flag_of(field.name))) body[field.name] = value_of(invocation, field);
  if (invocation.has("ca-file")) body["ca_pem"] = read_input(invocation.text("ca-file"));
  return body;
}

}  // namespace mirror::cli
