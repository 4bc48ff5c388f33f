// SPDX-License-Identifier: Apache-2.0
#pragma once

// Entries of either side in the terms of the map: fields, their hashes, the name on DR. No I/O.

#include <optional>

#include "base/secret.hpp"
#include "db/directory_image.hpp"
#include "ldap/dn.hpp"
#include "ldap/types.hpp"
#include "mirror/plan/directory_plan.hpp"

namespace mirror::directory {

class EntryReader {
 public:
  struct Sides {
    const ldap::Schema* source_schema;
    const ldap::Schema* target_schema;
    ldap::Dn source_base, target_base;
    std::string rules;  // whatever else a row depends on: settings and schemas; other ones, other raw hashes
  };
  // mailbox_attribute: of production; empty: the key.
  EntryReader(plan::DirectoryMap map, Sides sides, std::string mailbox_attribute, base::KeyedHash hash);

  const plan::DirectoryMap& map() const noexcept { return map_; }
  bool has_passwords() const noexcept;
  // What is to be asked for.
  const std::vector<std::string>& attributes(db::Side side) const noexcept;

  // Whether no attribute came as a part of its values alone: it would look as if it had none.
  static bool is_whole(const ldap::Entry& entry) noexcept;
  plan::EntryView view(db::Side side, const ldap::Entry& entry) const;
  db::ImageRow image(db::Side side, const ldap::Entry& entry) const;
  // Of the entry as it came: equal for entries that give equal rows, at a fraction of a row's cost.
  db::FieldHash raw_hash(const ldap::Entry& entry) const;
  // The name production's entry shall have on DR; nothing when it lies outside of the base, or lacks the
  // attribute that names entries there.
  std::optional<ldap::Dn> target_name(const ldap::Entry& source) const;
  std::string name_key(const ldap::Dn& target) const;
  // The field whose only value is in the name: renaming changes it, nothing else.
  std::optional<std::size_t> named_field(const ldap::Dn& target, const plan::EntryView& view) const;
  // 16 octets a field.
  std::vector<std::uint8_t> hashes(const plan::EntryView& view, const ldap::Dn& target) const;
  base::KeyedHash::Value hash(std::string_view octets) const { return hash_(octets); }
  // Of two such: by field, whether it is the same.
  static std::vector<bool> unchanged(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b);

 private:
  std::string key_of(const plan::EntryView& view, std::string& problem) const;

  plan::DirectoryMap map_;
  Sides sides_;
  std::string mailbox_attribute_;
  base::KeyedHash hash_;
  std::vector<ldap::Rule> rules_;  // by field
  std::size_t key_ = 0;
  std::vector<std::string> source_attributes_, target_attributes_;
};

}  // namespace mirror::directory
