// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/value_text.hpp"

#include <boost/json.hpp>

#include "base/digest.hpp"

namespace mirror::directory {

namespace json = boost::json;

namespace {

template <class Octets>
std::string hex(const Octets& octets) {
  constexpr char k_digits[] = "0123456789abcdef";
  std::string out;
  for (const auto octet : octets) {
    out.push_back(k_digits[static_cast<std::uint8_t>(octet) >> 4]);
    out.push_back(k_digits[static_cast<std::uint8_t>(octet) & 15]);
  }
  return out;
}

// Octets of the sign that begins at `at` (RFC 3629); 0: none does.
std::size_t sign_at(const std::string& text, std::size_t at) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = octet(at);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((octet(at + i) & 0xC0) != 0x80) return 0;
  if ((first == 0xE0 && octet(at + 1) < 0xA0) || (first == 0xED && octet(at + 1) > 0x9F) ||
      (first == 0xF0 && octet(at + 1) < 0x90) || (first == 0xF4 && octet(at + 1) > 0x8F))
    return 0;
  return length;
}

// Neither JSON nor PostgreSQL takes a NUL, or octets that are no UTF-8.
std::string shown(const std::string& value) {
  std::string out;
  for (std::size_t at = 0; at < value.size();) {
    const auto length = value[at] == '\0' ? 0 : sign_at(value, at);
    if (length == 0)
      out += "\xEF\xBF\xBD";
    else
      out.append(value, at, length);
    at += std::max<std::size_t>(length, 1);
  }
  return out;
}

json::array values_text(const plan::DirectoryField& field, const std::vector<std::string>& values) {
  json::array out;
  for (const auto& value : values) {
    if (field.kind == plan::FieldKind::binary)
      out.push_back(json::object{{"octets", value.size()}, {"sha256", hex(base::sha256(value))}});
    else
      out.push_back(json::value(shown(value)));
  }
  return out;
}

}  // namespace

json::array changes_text(const EntryReader& reader, const plan::EntryChanges& changes,
                         const plan::EntryView* before, const plan::EntryView* after) {
  json::array out;
  for (const auto& change : changes.fields) {
    const auto& field = reader.map().fields[change.field];
    json::object item{{"attribute", field.target},
                      {"name", field.name},
                      {"kind", plan::to_text(field.kind)},
                      {"drift", change.drift}};
    if (change.spelling) item["spelling"] = true;
    // What somebody entered on DR by hand is not production's loss.
    if (!change.drift && before != nullptr && after != nullptr && after->fields[change.field].values.empty())
      item["emptied"] = true;
    const auto put = [&](const char* name, const plan::EntryView* view) {
      if (view != nullptr && !view->fields[change.field].values.empty())
        item[name] = values_text(field, view->fields[change.field].values);
    };
    if (field.kind == plan::FieldKind::password) {
      item["differs"] = true;
    } else {
      put("before", before);
      put("after", after);
    }
    out.push_back(std::move(item));
  }
  return out;
}

json::object image_text(const EntryReader& reader, const plan::EntryView& view,
                        const std::vector<std::size_t>& fields, const std::string& owner) {
  json::object out;
  const auto put = [&](std::size_t i) {
    const auto& field = reader.map().fields[i];
    if (field.kind != plan::FieldKind::password) {
      out[field.target] = values_text(field, view.fields[i].values);
      return;
    }
    json::array hashes;
    for (const auto& value : view.fields[i].values) {
      std::string owned = owner;
      owned.append(1, '\0').append(value);
      hashes.push_back(json::object{{"keyed_hash", hex(reader.hash(owned))}});
    }
    out[field.target] = std::move(hashes);
  };
  if (fields.empty()) {
    for (std::size_t i = 0; i < view.fields.size(); ++i)
      if (!view.fields[i].values.empty()) put(i);
  } else {
    for (const auto i : fields) put(i);
  }
  return out;
}

namespace {

template <class Wanted>
std::vector<std::size_t> fields_where(const EntryReader& reader, const std::string& attributes,
                                      Wanted wanted) {
  std::vector<std::size_t> out;
  const auto parsed = json::parse(attributes);
  for (const auto& item : parsed.as_array()) {
    const auto& object = item.as_object();
    const auto& name = object.at("attribute").as_string();
    for (std::size_t i = 0; i < reader.map().fields.size(); ++i)
      if (ldap::same_name(reader.map().fields[i].target, {name.data(), name.size()}) && wanted(object))
        out.push_back(i);
  }
  return out;
}

}  // namespace

std::vector<std::size_t> fields_of(const EntryReader& reader, const std::string& attributes) {
  return fields_where(reader, attributes, [](const json::object&) { return true; });
}

std::vector<std::size_t> emptied_of(const EntryReader& reader, const std::string& attributes) {
  return fields_where(reader, attributes, [](const json::object& item) {
    const auto* drift = item.if_contains("drift");
    return item.contains("emptied") || (drift != nullptr && drift->is_bool() && drift->get_bool());
  });
}

json::object before_of(const std::string& attributes) {
  json::object out;
  const auto parsed = json::parse(attributes);
  for (const auto& item : parsed.as_array()) {
    const auto& object = item.as_object();
    const auto* before = object.if_contains("before");
    out[object.at("attribute").as_string()] = before == nullptr ? json::value(json::array{}) : *before;
  }
  return out;
}

}  // namespace mirror::directory
