// SPDX-License-Identifier: Apache-2.0
// Fields and values of the document, there and back.
#include <fmt/format.h>

#include "http/config_text_detail.hpp"

namespace mirror::http {

namespace json = boost::json;

json::object read_object(base::SettingsTable& table, const std::vector<Field>& fields) {
  json::object out;
  for (const Field& field : fields) {
    json::value value = field.fallback;
    if (field.fallback.is_null()) table.require(field.name);
    switch (field.kind) {
      case Field::Kind::text:
        if (auto text = table.text(field.name)) value = *text;
        break;
      case Field::Kind::integer:
        if (auto number = table.integer(field.name, field.lowest, field.highest)) value = *number;
        break;
      case Field::Kind::boolean:
        if (auto flag = table.boolean(field.name)) value = *flag;
        break;
      case Field::Kind::choice:
        if (auto word = table.choice(field.name, field.words)) value = *word;
        break;
      case Field::Kind::texts:
        if (auto words = table.texts(field.name)) {
          json::array list;
          for (auto& word : *words) list.emplace_back(word);
          value = std::move(list);
        }
        break;
    }
    const bool open = field.kind == Field::Kind::text || field.kind == Field::Kind::texts;
    if (open && !value.is_null() && table.has(field.name))
      if (const std::string wrong = check_value(field, value); !wrong.empty())
        table.complain(field.name, wrong);
    out[field.name] = std::move(value);
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string toml_value(const json::value& value) {
  if (value.is_string()) {
    const std::string_view text(value.get_string().data(), value.get_string().size());
    // PEM: lines are readable only as lines.
    if (text.find("-----BEGIN") == 0 && text.find("'''") == std::string_view::npos)
      return fmt::format("'''\n{}'''", text);
    return quoted(text);
  }
  if (value.is_array()) {
    std::string out;
    for (const auto& item : value.get_array()) out += (out.empty() ? "" : ", ") + toml_value(item);
    return "[" + out + "]";
  }
  return json::serialize(value);
}

std::string member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

void write_fields(std::string& out, const json::object& object, const std::vector<Field>& fields) {
  for (const Field& field : fields) {
    const auto* value = object.if_contains(field.name);
    if (value != nullptr && *value != field.fallback)
      out += fmt::format("{} = {}\n", field.name, toml_value(*value));
  }
}

}  // namespace mirror::http
