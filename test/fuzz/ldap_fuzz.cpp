// SPDX-License-Identifier: Apache-2.0
// What a directory sends: messages in BER, names, descriptions of attribute types, values. The first octet
// says which. Any octets are safe; octets that are no LDAP end the conversation with MRD-LDAP-002.
#include "base/failure.hpp"
#include "ldap/canonical.hpp"
#include "ldap/codec.hpp"
#include "ldap/dn.hpp"

#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#endif

namespace {

using namespace mirror::ldap;

void read_messages(std::string_view octets) {
#if __has_feature(address_sanitizer)
  // Of a message that it cannot decode libldap loses the request it was for. The conversation ends with it;
  // what we lose the unit tests see.
  const __lsan::ScopedDisabler of_libldap;
#endif
  Codec codec(1U << 16U);
  SearchRequest request;
  for (int i = 0; i < 4; ++i) codec.search(request);  // so that the ids 1 to 4 are waited for
  try {
    // In two pieces: the border may be anywhere.
    const auto first = octets.substr(0, octets.size() / 2);
    for (const auto piece : {first, octets.substr(first.size())}) {
      codec.feed(piece);
      while (const auto message = codec.next()) {
        page_cookie(message->outcome);
        pre_read_entry(message->outcome);
      }
    }
  } catch (const mirror::base::Failed&) {
    if (!codec.broken()) __builtin_trap();
  }
}

void read_name(std::string_view text) {
  const auto dn = Dn::parse(text);
  if (!dn) return;
  const Schema schema;
  const auto again = Dn::parse(dn->text());
  // What we write is read as the same name.
  if (!again || again->key(schema) != dn->key(schema)) __builtin_trap();
}

void read_description(std::string_view text) {
#if __has_feature(address_sanitizer)
  // libldap forgets the name of an extension whose value it cannot read.
  const __lsan::ScopedDisabler of_libldap;
#endif
  Entry subschema;
  subschema.attributes.push_back(
      {"attributeTypes", {std::string(text), std::string(text.substr(text.size() / 2))}});
  Schema::parse(subschema).rule_of("cn");
}

void compare(std::string_view value) {
  for (const auto rule : {Rule::octets, Rule::boolean, Rule::integer, Rule::case_exact, Rule::case_ignore,
                          Rule::numeric, Rule::telephone, Rule::dn, Rule::oid, Rule::time})
    if (canonical(rule, value) != canonical(rule, std::string(value))) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      read_messages(rest);
      break;
    case 1:
      read_name(rest);
      break;
    case 2:
      read_description(rest);
      break;
    default:
      compare(rest);
  }
  return 0;
}
