// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/side.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/digest.hpp"
#include "mirror/endpoint.hpp"

namespace mirror::directory {

namespace {

using base::Failed;
using base::Failure;
using engine::endpoint_of;

// The site must be able to stop within ten seconds, also while a server does not answer.
constexpr std::chrono::milliseconds k_connect{8000};

// "host:port"; an address of IPv6 has brackets.
std::optional<net::Endpoint> other_endpoint(const db::DirectoryRecord& r, std::string_view address) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  auto host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto digits = address.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port == 0) return std::nullopt;
  auto e = endpoint_of(r);
  e.host = std::string(host);
  e.port = port;
  return e;
}

base::SecretText open_password(const Context& context, const db::DirectoryRecord& r) {
  if (r.password_sealed.empty()) return {};
  if (context.sealer == nullptr) throw Failed(Failure("MRD-BASE-003", "no key is configured"));
  auto opened = context.sealer->open(r.password_sealed, fmt::format("directory/{}/password", r.store));
  if (!opened) throw Failed(opened.error());
  return std::move(*opened);
}

ldap::Access access_of(const Context& context, const db::DirectoryRecord& r, std::string purpose) {
  ldap::Access access;
  access.store = r.store_name;
  access.purpose = std::move(purpose);
  access.endpoints.push_back(endpoint_of(r));
  for (const auto& address : r.other_addresses) {
    const auto other = other_endpoint(r, address);
    if (!other) throw Failed(Failure("MRD-DIR-006", fmt::format("{} is no address: HOST:PORT", address)));
    access.endpoints.push_back(*other);
  }
  access.bind = r.bind_method == "external" ? ldap::Bind::external
                : r.bind_dn.empty()         ? ldap::Bind::anonymous
                                            : ldap::Bind::simple;
  access.dn = r.bind_dn;
  access.password = open_password(context, r);
  access.password_without_tls = r.plain_passwords;
  access.silence_limit = context.silence;
  access.connect_limit = std::min(access.connect_limit, k_connect);
  return access;
}

// The server says what it is in its root entry (RFC 4512 5.1).
Task<void> read_server(Side& side) {
  const auto root =
      co_await ldap::read_entry(*side.connection, "", {"supportedControl", "subschemaSubentry"});
  if (!root) co_return;
  if (const auto* controls = root->find("supportedControl"))
    for (const auto& oid : controls->values) {
      side.assertion = side.assertion || oid == "1.3.6.1.1.12";
      side.pre_read = side.pre_read || oid == "1.3.6.1.1.13.1";
      side.post_read = side.post_read || oid == "1.3.6.1.1.13.2";
    }
  const std::string where(root->first("subschemaSubentry"));
  if (where.empty()) co_return;
  const auto schema =
      co_await ldap::read_entry(*side.connection, where, {"attributeTypes"}, "(objectClass=subschema)");
  if (!schema) co_return;
  side.schema = ldap::Schema::parse(*schema);
  base::Sha256 hash;
  for (const auto& attribute : schema->attributes)
    for (const auto& value : attribute.values) hash.update(value);
  const auto digest = hash.finish();
  side.schema_hash.assign(reinterpret_cast<const char*>(digest.data()), digest.size());
}

}  // namespace

Task<Side> open_side(const Context& context, db::DirectoryRecord record, std::string purpose,
                     bool passwords) {
  Side side;
  const auto base = ldap::Dn::parse(record.base_dn);
  if (!base)
    throw Failed(Failure("MRD-DIR-006", fmt::format("{} is no name (base_dn of store {})", record.base_dn,
                                                    record.store_name)));
  side.base = *base;
  if (passwords && record.tls == "none" && !record.plain_passwords)
    throw Failed(Failure("MRD-LDAP-005", record.store_name));
  side.connection = co_await ldap::Connection::open(access_of(context, record, std::move(purpose)));
  side.record = std::move(record);
  co_await read_server(side);
  co_return side;
}

}  // namespace mirror::directory
