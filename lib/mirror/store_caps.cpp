// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "mirror/store_test_detail.hpp"

namespace mirror::engine {

namespace {

using imap::Cap;

enum class Use {
  always,  // used on every store when offered
  source,  // only where the store is read
  target,  // only where it is written
  test,    // only by the store test
  never    // known, nothing here needs it
};

struct Row {
  Cap cap;
  Use use;
  const char* why;  // what it is used for, or why not
};

constexpr Row k_rows[] = {
    {Cap::sasl_ir, Use::always, "saves a round trip of every login"},
    {Cap::auth_plain, Use::always, "the login"},
    {Cap::auth_external, Use::always, "the login by client certificate"},
    {Cap::auth_scram_sha_256, Use::always, "the login without sending the password"},
    {Cap::login_disabled, Use::always, "no LOGIN before TLS"},
    {Cap::starttls, Use::always, "TLS on the plain port"},
    {Cap::id, Use::test, "the store test shows what the server says it is"},
    {Cap::namespace_, Use::test, "shown by the store test; folders are found by LIST"},
    {Cap::list_extended, Use::always, "subscriptions and special use in one LIST"},
    {Cap::list_status, Use::always, "all folders' state in one command"},
    {Cap::special_use, Use::always, "\\Sent, \\Drafts and the like"},
    {Cap::create_special_use, Use::target, "special use of folders made on the target"},
    {Cap::enable, Use::always, "switches CONDSTORE or QRESYNC on"},
    {Cap::condstore, Use::always, "which messages changed"},
    {Cap::qresync, Use::always, "which messages changed or are gone, in the SELECT itself"},
    {Cap::uidplus, Use::target, "the UID of what was appended; deletes exactly the messages meant"},
    {Cap::literal_plus, Use::target, "no waiting before each message"},
    {Cap::literal_minus, Use::target, "no waiting before small messages"},
    {Cap::multiappend, Use::target, "many messages in one command"},
    {Cap::notify, Use::source, "told at once of a change in any folder"},
    {Cap::idle, Use::source, "told at once of a change in one folder"},
    {Cap::esearch, Use::always, "all UIDs as ranges"},
    {Cap::unselect, Use::always, "leaves a folder without touching it"},
    {Cap::metadata, Use::never, "annotations are not mirrored (docs/limits.md)"},
    {Cap::appendlimit, Use::target, "messages too big are not even sent"},
    {Cap::move, Use::never, "nothing is moved: DR gets the messages themselves"},
    {Cap::objectid, Use::always, "recognises a renamed folder"},
    {Cap::children, Use::never, "the folder list itself shows them"},
    {Cap::quota, Use::never, "OVERQUOTA is heard when it happens"},
    {Cap::imap4rev2, Use::always, "what it made part of the protocol"},
    {Cap::unauthenticate, Use::never, "sessions are kept per owner"},
    {Cap::compress_deflate, Use::never, "audio does not shrink enough to pay for it"},
    {Cap::binary, Use::never, "messages travel as they are stored"},
    {Cap::acl, Use::test, "the store test asks for its rights on a source"},
};

struct Verdict {
  bool used = false;
  std::string why;
};

// The login's mechanisms: only the one the store's method needs.
bool other_login(const Testing& t, Cap cap) {
  using imap::LoginMethod;
  const auto method = t.store->access.method;
  if (cap == Cap::auth_external) return method != LoginMethod::external;
  if (cap == Cap::auth_scram_sha_256) return method != LoginMethod::scram_sha_256;
  if (cap == Cap::auth_plain) return method == LoginMethod::external || method == LoginMethod::scram_sha_256;
  if (cap == Cap::starttls) return t.store->access.endpoint.tls != net::TlsMode::starttls;
  return false;
}

// Offered and not hidden: is it beaten by a better one, or out of place on this store?
Verdict judge(const Testing& t, const Row& row, const std::function<bool(Cap)>& has) {
  const auto& watch = t.store->profile.watch;
  if (row.use == Use::never) return {false, row.why};
  if (row.use == Use::test) return {false, row.why};
  if (other_login(t, row.cap))
    return {false, fmt::format("the store's login method is {}, tls {}", t.store->record.login_method,
                               t.store->record.tls)};
  if (row.use == Use::target && !t.subject.is_target) return {false, "nothing is appended to this store"};
  if (row.use == Use::source && !t.subject.is_source && t.subject.is_target)
    return {false, "only sources are watched"};
  if (row.use == Use::source && watch != "auto" && !(watch == "idle" && row.cap == Cap::idle))
    return {false, fmt::format("the profile says watch = {}", watch)};
  if (row.cap == Cap::idle && watch == "auto" && has(Cap::notify)) return {false, "NOTIFY is used instead"};
  if (row.cap == Cap::literal_minus && has(Cap::literal_plus)) return {false, "LITERAL+ is used instead"};
  if ((row.cap == Cap::condstore || row.cap == Cap::qresync) && !has(Cap::enable))
    return {false, "ENABLE is not offered"};
  return {true, row.why};
}

}  // namespace

std::vector<CapabilityLine> capability_lines(const Testing& t) {
  std::vector<CapabilityLine> out;
  const auto& hidden = t.store->profile.hidden;
  const auto offers = [&](Cap cap) {
    return t.session ? t.session->offers(cap) : t.before_login.offers(cap);
  };
  // Login mechanisms and STARTTLS are said before the login and often not again after it.
  const auto offered = [&](Cap cap) { return offers(cap) || t.before_login.offers(cap); };
  const std::function<bool(Cap)> has = [&](Cap cap) { return offered(cap) && !hidden.contains(cap); };
  for (const auto& row : k_rows) {
    CapabilityLine line;
    line.name = std::string(imap::to_text(row.cap));
    line.offered = offered(row.cap);
    if (!line.offered) {
      line.why = row.use == Use::never ? row.why : "not offered";
    } else if (hidden.contains(row.cap)) {
      line.why = fmt::format("the profile {} does not trust it", t.store->record.profile);
    } else if (!t.session) {
      line.why = "no login yet";
    } else {
      const auto verdict = judge(t, row, has);
      line.used = verdict.used;
      line.why = verdict.why;
    }
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace mirror::engine
