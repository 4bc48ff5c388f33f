// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/entry_reader.hpp"

#include <algorithm>

#include "base/digest.hpp"
#include "ldap/canonical.hpp"

namespace mirror::directory {

namespace {

constexpr std::size_t k_octets = 16;

void want(std::vector<std::string>& attributes, const std::string& name) {
  if (name.empty()) return;
  const auto same = [&](const std::string& other) { return ldap::same_name(name, other); };
  if (std::ranges::none_of(attributes, same)) attributes.push_back(name);
}

std::string sha256_octets(std::string_view value) {
  const auto digest = base::sha256(value);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Values one behind the other, each behind its length, in one order.
std::string joined(std::vector<std::string> values) {
  std::ranges::sort(values);
  std::string out;
  for (const auto& value : values) {
    const auto length = static_cast<std::uint64_t>(value.size());
    out.append(reinterpret_cast<const char*>(&length), sizeof length);
    out += value;
  }
  return out;
}

}  // namespace

EntryReader::EntryReader(plan::DirectoryMap map, Sides sides, std::string mailbox_attribute,
                         base::KeyedHash hash)
    : map_(std::move(map)),
      sides_(std::move(sides)),
      mailbox_attribute_(std::move(mailbox_attribute)),
      hash_(std::move(hash)) {
  for (auto* attributes : {&source_attributes_, &target_attributes_})
    for (const char* name : {"entryUUID", "entryCSN"}) attributes->emplace_back(name);
  for (std::size_t i = 0; i < map_.fields.size(); ++i) {
    const auto& field = map_.fields[i];
    want(source_attributes_, field.source);
    want(target_attributes_, field.target);
    if (&field == map_.key_field()) key_ = i;
    // The server that will hold the value decides what is equal.
    const auto overriding = field.rule.empty() ? std::nullopt : ldap::parse_rule(field.rule);
    const bool known = sides_.target_schema->find(field.target) != nullptr;
    rules_.push_back(overriding ? *overriding
                     : known    ? sides_.target_schema->rule_of(field.target)
                                : sides_.source_schema->rule_of(field.source));
  }
  want(source_attributes_, mailbox_attribute_);
}

bool EntryReader::has_passwords() const noexcept {
  return std::ranges::any_of(map_.fields, [](const auto& f) { return f.kind == plan::FieldKind::password; });
}

const std::vector<std::string>& EntryReader::attributes(db::Side side) const noexcept {
  return side == db::Side::source ? source_attributes_ : target_attributes_;
}

bool EntryReader::is_whole(const ldap::Entry& entry) noexcept {
  return std::ranges::none_of(entry.attributes, [](const auto& a) { return ldap::is_part(a.name); });
}

plan::EntryView EntryReader::view(db::Side side, const ldap::Entry& entry) const {
  plan::EntryView out;
  out.fields.resize(map_.fields.size());
  for (std::size_t i = 0; i < map_.fields.size(); ++i) {
    const auto& field = map_.fields[i];
    auto& view = out.fields[i];
    const auto* attribute = entry.find(side == db::Side::source ? field.source : field.target);
    if (attribute != nullptr) view.values = attribute->values;
    if (side == db::Side::source) view.values = plan::shape(field, std::move(view.values));
    view.canonical.reserve(view.values.size());
    for (const auto& value : view.values)
      view.canonical.push_back(field.kind == plan::FieldKind::text     ? ldap::canonical(rules_[i], value)
                               : field.kind == plan::FieldKind::binary ? sha256_octets(value)
                                                                       : value);
  }
  return out;
}

std::string EntryReader::key_of(const plan::EntryView& view, std::string& problem) const {
  const auto& key = view.fields[key_];
  if (key.values.empty()) problem = "it has no " + map_.fields[key_].name;
  if (key.values.size() > 1) problem = "it has more than one " + map_.fields[key_].name;
  return key.canonical.size() == 1 ? key.canonical.front() : std::string();
}

std::optional<ldap::Dn> EntryReader::target_name(const ldap::Entry& source) const {
  const auto dn = ldap::Dn::parse(source.dn);
  if (!dn || dn->depth() == 0) return std::nullopt;
  const auto moved = dn->rebased(sides_.source_base, sides_.target_base, *sides_.source_schema);
  if (!moved || moved->depth() <= sides_.target_base.depth()) return std::nullopt;
  const auto value_of = [&](const plan::DirectoryField& field,
                            std::vector<std::string> values) -> std::optional<std::string> {
    const auto shaped = plan::shape(field, std::move(values));
    if (shaped.empty()) return std::nullopt;
    return shaped.front();
  };
  if (!map_.rdn_attribute.empty()) {
    for (const auto& field : map_.fields) {
      if (!ldap::same_name(field.target, map_.rdn_attribute)) continue;
      const auto* attribute = source.find(field.source);
      const auto value =
          value_of(field, attribute == nullptr ? std::vector<std::string>{} : attribute->values);
      if (!value) return std::nullopt;
      return moved->with_rdn({{field.target, *value}});
    }
    return std::nullopt;
  }
  auto rdn = moved->rdns().front();
  for (auto& ava : rdn)
    for (const auto& field : map_.fields)
      if (ldap::same_name(field.source, ava.attribute)) {
        const auto value = value_of(field, {ava.value});
        if (!value) return std::nullopt;
        ava = {field.target, *value};
        break;
      }
  return moved->with_rdn(std::move(rdn));
}

std::string EntryReader::name_key(const ldap::Dn& target) const {
  return target.key(*sides_.target_schema);
}

std::optional<std::size_t> EntryReader::named_field(const ldap::Dn& target,
                                                    const plan::EntryView& view) const {
  if (target.depth() == 0 || target.rdns().front().size() != 1) return std::nullopt;
  const auto& attribute = target.rdns().front().front().attribute;
  for (std::size_t i = 0; i < map_.fields.size(); ++i)
    if (ldap::same_name(map_.fields[i].target, attribute) && view.fields[i].values.size() == 1) return i;
  return std::nullopt;
}

std::vector<std::uint8_t> EntryReader::hashes(const plan::EntryView& view, const ldap::Dn& target) const {
  std::vector<std::uint8_t> out(view.fields.size() * k_octets, 0);
  const auto named = named_field(target, view);
  for (std::size_t i = 0; i < view.fields.size(); ++i) {
    const auto& field = view.fields[i];
    if (field.values.empty() || named == i) continue;
    const bool as_written = map_.spelling && map_.fields[i].kind == plan::FieldKind::text;
    const auto hash = hash_(joined(as_written ? field.values : field.canonical));
    std::ranges::copy(hash, out.begin() + static_cast<std::ptrdiff_t>(i * k_octets));
  }
  return out;
}

std::vector<bool> EntryReader::unchanged(const std::vector<std::uint8_t>& a,
                                         const std::vector<std::uint8_t>& b) {
  std::vector<bool> out;
  if (a.size() != b.size()) return out;
  for (std::size_t at = 0; at + k_octets <= a.size(); at += k_octets)
    out.push_back(std::equal(a.begin() + static_cast<std::ptrdiff_t>(at),
                             a.begin() + static_cast<std::ptrdiff_t>(at + k_octets),
                             b.begin() + static_cast<std::ptrdiff_t>(at)));
  return out;
}

db::FieldHash EntryReader::raw_hash(const ldap::Entry& entry) const {
  std::size_t size = sides_.rules.size() + entry.dn.size() + 16;
  for (const auto& attribute : entry.attributes)
    for (const auto& value : attribute.values) size += attribute.name.size() + value.size() + 16;
  std::string all;
  all.reserve(size);
  const auto add = [&](const std::string& part) {
    const auto length = static_cast<std::uint64_t>(part.size());
    all.append(reinterpret_cast<const char*>(&length), sizeof length);
    all += part;
  };
  add(sides_.rules);
  add(entry.dn);
  for (const auto& attribute : entry.attributes) {
    add(attribute.name);
    for (const auto& value : attribute.values) add(value);
  }
  return hash_(all);
}

db::ImageRow EntryReader::image(db::Side side, const ldap::Entry& entry) const {
  db::ImageRow row;
  row.dn = entry.dn;
  row.csn = std::string(entry.first("entryCSN"));
  row.uuid = std::string(entry.first("entryUUID"));
  const auto fields = view(side, entry);
  row.key = key_of(fields, row.problem);
  if (!is_whole(entry)) row.problem = "of an attribute only a part of its values was given (;range=)";
  // A server without entryUUID: who it is, is its key then.
  if (row.uuid.empty()) row.uuid = row.key.empty() ? "name:" + entry.dn : "key:" + row.key;
  auto name = side == db::Side::source ? target_name(entry) : ldap::Dn::parse(entry.dn);
  if (!name && row.problem.empty()) row.problem = "its name cannot be carried over to DR";
  if (!name) name = ldap::Dn();
  if (side == db::Side::source) {
    row.target_dn = name->text();
    row.mailbox =
        std::string(entry.first(mailbox_attribute_.empty() ? map_.key_attribute : mailbox_attribute_));
  }
  row.name_hash = hash_(name_key(*name));
  row.fields = hashes(fields, *name);
  row.row_hash = raw_hash(entry);
  return row;
}

}  // namespace mirror::directory
