// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/lookup.hpp"

#include <fmt/format.h>

namespace mirror::directory {

namespace {

// What a server without entryUUID is known by (EntryReader::image).
bool is_uuid(std::string_view uuid) {
  return !uuid.empty() && !uuid.starts_with("key:") && !uuid.starts_with("name:");
}

class Kept : public ldap::Sink {
 public:
  std::vector<ldap::Entry> entries;
  Task<void> take(ldap::Entry entry) override {
    entries.push_back(std::move(entry));
    co_return;
  }
};

Task<std::vector<ldap::Entry>> search(Side& side, std::string filter, std::vector<std::string> attributes) {
  ldap::SearchRequest request;
  request.base = side.base.text();
  request.filter = std::move(filter);
  request.attributes = std::move(attributes);
  Kept kept;
  const auto outcome = co_await side.connection->search(std::move(request), kept);
  // Also when the base is not there: a directory that is away says nothing of its entries.
  if (!outcome.ok() || !outcome.referrals.empty())
    throw base::Failed(
        base::Failure("MRD-LDAP-006", fmt::format("{}: {}", side.record.store_name, outcome.words())));
  co_return std::move(kept.entries);
}

}  // namespace

Task<std::optional<ldap::Entry>> look_up(Side& side, const EntryReader& reader, db::Side which,
                                         std::string dn, std::string uuid) {
  std::optional<ldap::Entry> entry;
  if (!dn.empty())
    entry = co_await ldap::read_entry(*side.connection, dn, reader.attributes(which), side.record.filter);
  if (entry && (!is_uuid(uuid) || entry->first("entryUUID") == uuid)) co_return entry;
  if (!is_uuid(uuid)) co_return std::nullopt;
  auto found =
      co_await search(side, fmt::format("(&{}(entryUUID={}))", side.record.filter, ldap::escape_filter(uuid)),
                      reader.attributes(which));
  if (found.empty()) co_return std::nullopt;
  co_return std::move(found.front());
}

Task<std::vector<std::string>> find_claims(Side& source, const EntryReader& reader, std::string uuid,
                                           std::string key) {
  // A key that is transformed on the way cannot be asked for: who it is, says the UUID alone then.
  const bool same_key = reader.map().key_field()->transforms.empty();
  std::string any;
  if (is_uuid(uuid)) any += fmt::format("(entryUUID={})", ldap::escape_filter(uuid));
  if (same_key || any.empty())
    any += fmt::format("({}={})", reader.map().key_attribute, ldap::escape_filter(key));
  const auto found =
      co_await search(source, fmt::format("(&{}(|{}))", source.record.filter, any), {"entryUUID"});
  std::vector<std::string> out;
  for (const auto& entry : found) out.emplace_back(entry.first("entryUUID"));
  co_return out;
}

}  // namespace mirror::directory
