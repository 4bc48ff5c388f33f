// SPDX-License-Identifier: Apache-2.0
#pragma once

// Distinguished names (RFC 4514), read and written by libldap.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ldap/schema.hpp"

namespace mirror::ldap {

struct Ava {
  std::string attribute;  // as it was written
  std::string value;      // octets, escapes undone
};
using Rdn = std::vector<Ava>;  // more than one for a multi-valued RDN

class Dn {
 public:
  Dn() = default;  // the root
  // nullopt when it is no DN (RFC 4514).
  static std::optional<Dn> parse(std::string_view text);

  const std::vector<Rdn>& rdns() const noexcept { return rdns_; }  // the leaf first
  std::size_t depth() const noexcept { return rdns_.size(); }
  Dn parent() const;             // of the root: the root
  std::string text() const;      // escaped by RFC 4514
  std::string rdn_text() const;  // the leaf's RDN alone
  // Equal for equal names under the rules of the naming attributes: what barriers and maps are keyed by. The
  // attributes of a multi-valued RDN come in one order.
  std::string key(const Schema& schema) const;
  // True for a name below base and for base itself.
  bool within(const Dn& base, const Schema& schema) const;
  // The same name below another base; nullopt when it is not within from.
  std::optional<Dn> rebased(const Dn& from, const Dn& to, const Schema& schema) const;
  Dn child(Rdn rdn) const;
  Dn with_rdn(Rdn rdn) const;  // the leaf's RDN exchanged

 private:
  std::vector<Rdn> rdns_;
};

}  // namespace mirror::ldap
