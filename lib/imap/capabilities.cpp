// SPDX-License-Identifier: Apache-2.0
#include "imap/capabilities.hpp"

#include "imap/utf7.hpp"
#include "imap/value_parser.hpp"

namespace mirror::imap {
namespace {

struct CapRow {
  Cap cap;
  std::string_view name;
};

constexpr CapRow k_caps[] = {
    {Cap::sasl_ir, "SASL-IR"},
    {Cap::auth_plain, "AUTH=PLAIN"},
    {Cap::auth_external, "AUTH=EXTERNAL"},
    {Cap::auth_scram_sha_256, "AUTH=SCRAM-SHA-256"},
    {Cap::login_disabled, "LOGINDISABLED"},
    {Cap::starttls, "STARTTLS"},
    {Cap::id, "ID"},
    {Cap::namespace_, "NAMESPACE"},
    {Cap::list_extended, "LIST-EXTENDED"},
    {Cap::list_status, "LIST-STATUS"},
    {Cap::special_use, "SPECIAL-USE"},
    {Cap::create_special_use, "CREATE-SPECIAL-USE"},
    {Cap::enable, "ENABLE"},
    {Cap::condstore, "CONDSTORE"},
    {Cap::qresync, "QRESYNC"},
    {Cap::uidplus, "UIDPLUS"},
    {Cap::literal_plus, "LITERAL+"},
    {Cap::literal_minus, "LITERAL-"},
    {Cap::multiappend, "MULTIAPPEND"},
    {Cap::notify, "NOTIFY"},
    {Cap::idle, "IDLE"},
    {Cap::esearch, "ESEARCH"},
    {Cap::unselect, "UNSELECT"},
    {Cap::metadata, "METADATA"},
    {Cap::appendlimit, "APPENDLIMIT"},
    {Cap::move, "MOVE"},
    {Cap::objectid, "OBJECTID"},
    {Cap::children, "CHILDREN"},
    {Cap::quota, "QUOTA"},
    {Cap::imap4rev2, "IMAP4rev2"},
    {Cap::unauthenticate, "UNAUTHENTICATE"},
    {Cap::compress_deflate, "COMPRESS=DEFLATE"},
    {Cap::binary, "BINARY"},
    {Cap::acl, "ACL"},
};

constexpr Cap k_in_rev2[] = {Cap::sasl_ir,     Cap::namespace_, Cap::unselect,      Cap::uidplus,
                             Cap::esearch,     Cap::enable,     Cap::idle,          Cap::list_extended,
                             Cap::list_status, Cap::move,       Cap::literal_minus, Cap::special_use,
                             Cap::children};

}  // namespace

std::string_view to_text(Cap cap) {
  for (const auto& row : k_caps) {
    if (row.cap == cap) return row.name;
  }
  return {};
}

Capabilities Capabilities::parse(std::string_view text) {
  Capabilities out;
  out.text_ = printable(text, 4096);
  bool rev1 = false;
  while (!text.empty()) {
    const auto end = text.find(' ');
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    rev1 = rev1 || iequals(word, "IMAP4rev1");
    if (iequals(word.substr(0, 12), "APPENDLIMIT=")) {
      out.caps_.insert(Cap::appendlimit);
      out.append_limit_ = parse_number(word.substr(12));
    }
    for (const auto& row : k_caps) {
      if (iequals(word, row.name)) out.caps_.insert(row.cap);
    }
  }
  // RFC 7162 section 3.2.3: QRESYNC includes CONDSTORE, whether named or not.
  if (out.offers(Cap::qresync)) out.caps_.insert(Cap::condstore);
  if (out.offers(Cap::imap4rev2) && !rev1) out.caps_.insert(std::begin(k_in_rev2), std::end(k_in_rev2));
  return out;
}

}  // namespace mirror::imap
