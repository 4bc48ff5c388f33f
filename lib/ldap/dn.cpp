// SPDX-License-Identifier: Apache-2.0
#include "ldap/dn.hpp"

#include <ldap.h>
#include <unistr.h>

#include <algorithm>
#include <memory>

#include "ldap/canonical.hpp"
#include "ldap/text_detail.hpp"

namespace mirror::ldap {
namespace {

struct FreeDn {
  void operator()(LDAPRDN* dn) const noexcept { ldap_dnfree(dn); }
};

std::string octets_of(const berval& value) {
  return value.bv_len == 0 ? std::string() : std::string(value.bv_val, value.bv_len);
}

// "#04024869" is a value in BER. Where that is a string, its octets are the value; anything else could not be
// told from a value that looks like it, and OpenLDAP refuses the form altogether.
std::optional<std::string> string_in(std::string_view ber) {
  constexpr std::string_view k_tags =
      "\x04\x0C\x12\x13\x16\x1A";  // octets, UTF-8, numeric, printable, IA5, visible
  if (ber.size() < 2 || k_tags.find(ber[0]) == std::string_view::npos) return std::nullopt;
  std::size_t length = static_cast<unsigned char>(ber[1]);
  ber.remove_prefix(2);
  if (length >= 0x80) {
    const std::size_t octets = length & 0x7F;
    if (octets == 0 || octets > 4 || octets > ber.size()) return std::nullopt;
    length = 0;
    for (const char c : ber.substr(0, octets)) length = (length << 8) | static_cast<unsigned char>(c);
    ber.remove_prefix(octets);
  }
  if (length != ber.size()) return std::nullopt;
  return std::string(ber);
}

// libldap writes names too, but fails on octets that are no UTF-8 and leaves line ends bare, where one name
// has to be one line.
void append_value(std::string& out, std::string_view value) {
  constexpr std::string_view k_special = "\"+,;<=>\\";
  const auto* octets = reinterpret_cast<const std::uint8_t*>(value.data());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool first = i == 0 && (c == ' ' || c == '#');
    const bool last = i + 1 == value.size() && c == ' ';
    if (static_cast<unsigned char>(c) >= 0x80) {
      const int length = u8_mblen(octets + i, value.size() - i);
      if (length > 1) {
        out.append(value.substr(i, static_cast<std::size_t>(length)));
        i += static_cast<std::size_t>(length) - 1;
      } else {
        append_hex(out, c);
      }
    } else if (!is_printable(c)) {
      append_hex(out, c);
    } else {
      if (first || last || k_special.find(c) != std::string_view::npos) out.push_back('\\');
      out.push_back(c);
    }
  }
}

std::string text_of(const Rdn& rdn) {
  std::string out;
  for (const auto& ava : rdn) {
    if (!out.empty()) out.push_back('+');
    out += ava.attribute;
    out.push_back('=');
    append_value(out, ava.value);
  }
  return out;
}

// Printable ASCII in which ',', '+' and '=' only separate: two keys are equal only if their parts are, and a
// key may stand in a log or a database.
void append_key(std::string& out, std::string_view part) {
  constexpr std::string_view k_special = "+,=\\";
  for (const char c : part) {
    if (is_printable(c) && k_special.find(c) == std::string_view::npos)
      out.push_back(c);
    else
      append_hex(out, c);
  }
}

std::string key_of(const Ava& ava, const Schema& schema) {
  const AttributeType* type = schema.find(ava.attribute);
  std::string out;
  append_key(out, lower(type == nullptr ? ava.attribute : type->names.front()));
  out.push_back('=');
  append_key(out, canonical(type == nullptr ? Rule::octets : type->rule, ava.value));
  return out;
}

}  // namespace

std::optional<Dn> Dn::parse(std::string_view text) {
  const std::string copy(text);
  berval octets{copy.size(), const_cast<char*>(copy.c_str())};
  LDAPDN read = nullptr;
  if (ldap_bv2dn(&octets, &read, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS) return std::nullopt;
  const std::unique_ptr<LDAPRDN, FreeDn> owner(read);
  Dn out;
  for (LDAPRDN* rdn = read; rdn != nullptr && *rdn != nullptr; ++rdn) {
    Rdn& avas = out.rdns_.emplace_back();
    for (LDAPAVA** ava = *rdn; *ava != nullptr; ++ava) {
      std::optional<std::string> value = octets_of((*ava)->la_value);
      if (((*ava)->la_flags & LDAP_AVA_BINARY) != 0) value = string_in(*value);
      if (!value) return std::nullopt;
      avas.push_back({octets_of((*ava)->la_attr), std::move(*value)});
    }
  }
  return out;
}

Dn Dn::parent() const {
  Dn out;
  if (!rdns_.empty()) out.rdns_.assign(rdns_.begin() + 1, rdns_.end());
  return out;
}

std::string Dn::text() const {
  std::string out;
  for (const auto& rdn : rdns_) {
    if (!out.empty()) out.push_back(',');
    out += text_of(rdn);
  }
  return out;
}

std::string Dn::rdn_text() const {
  return rdns_.empty() ? std::string() : text_of(rdns_.front());
}

std::string Dn::key(const Schema& schema) const {
  std::string out;
  for (const auto& rdn : rdns_) {
    std::vector<std::string> parts;
    for (const auto& ava : rdn) parts.push_back(key_of(ava, schema));
    std::ranges::sort(parts);
    if (!out.empty()) out.push_back(',');
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) out.push_back('+');
      out += parts[i];
    }
  }
  return out;
}

bool Dn::within(const Dn& base, const Schema& schema) const {
  if (base.depth() > depth()) return false;
  Dn end;
  end.rdns_.assign(rdns_.end() - static_cast<std::ptrdiff_t>(base.depth()), rdns_.end());
  return end.key(schema) == base.key(schema);
}

std::optional<Dn> Dn::rebased(const Dn& from, const Dn& to, const Schema& schema) const {
  if (!within(from, schema)) return std::nullopt;
  Dn out;
  out.rdns_.assign(rdns_.begin(), rdns_.end() - static_cast<std::ptrdiff_t>(from.depth()));
  out.rdns_.insert(out.rdns_.end(), to.rdns_.begin(), to.rdns_.end());
  return out;
}

Dn Dn::child(Rdn rdn) const {
  Dn out;
  out.rdns_.push_back(std::move(rdn));
  out.rdns_.insert(out.rdns_.end(), rdns_.begin(), rdns_.end());
  return out;
}

Dn Dn::with_rdn(Rdn rdn) const {
  return rdns_.empty() ? Dn() : parent().child(std::move(rdn));
}

}  // namespace mirror::ldap
