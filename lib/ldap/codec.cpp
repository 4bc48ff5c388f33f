// SPDX-License-Identifier: Apache-2.0
#include "ldap/codec.hpp"

#include "ldap/codec_detail.hpp"

namespace mirror::ldap {

namespace {

timeval at_once() {
  return {0, 0};
}

}  // namespace

Codec::Codec(std::size_t largest) : state_(std::make_unique<State>(largest)) {}
Codec::~Codec() = default;

bool Codec::broken() const noexcept {
  return state_->broken;
}

bool Codec::idle() const noexcept {
  return state_->taken == state_->in.size();
}

MessageId Codec::bind(const std::string& dn, const base::SecretText& password) {
  const auto words = password.reveal();
  berval credentials{words.size(), const_cast<char*>(words.data())};
  int id = 0;
  return state_->sent(
      ldap_sasl_bind(state_->usable(), c_text(dn), LDAP_SASL_SIMPLE, &credentials, nullptr, nullptr, &id), id,
      "bind");
}

MessageId Codec::bind_external() {
  berval none{0, const_cast<char*>("")};
  int id = 0;
  return state_->sent(ldap_sasl_bind(state_->usable(), "", "EXTERNAL", &none, nullptr, nullptr, &id), id,
                      "bind");
}

MessageId Codec::start_tls() {
  int id = 0;
  return state_->sent(
      ldap_extended_operation(state_->usable(), LDAP_EXOP_START_TLS, nullptr, nullptr, nullptr, &id), id,
      "StartTLS");
}

MessageId Codec::search(const SearchRequest& request) {
  CNames names(request.attributes);
  CControls controls(request.controls);
  const int scope = request.scope == Scope::base  ? LDAP_SCOPE_BASE
                    : request.scope == Scope::one ? LDAP_SCOPE_ONELEVEL
                                                  : LDAP_SCOPE_SUBTREE;
  timeval limit{request.time_limit.count(), 0};
  int id = 0;
  return state_->sent(ldap_search_ext(state_->usable(), c_text(request.base), scope, c_text(request.filter),
                                      request.attributes.empty() ? nullptr : names.get(), 0, controls.get(),
                                      nullptr, limit.tv_sec > 0 ? &limit : nullptr, request.size_limit, &id),
                      id, "search " + request.filter);
}

MessageId Codec::add(const std::string& dn, const std::vector<Attribute>& attributes,
                     const std::vector<Control>& controls) {
  CChanges changes;
  for (const auto& one : attributes) changes.put(LDAP_MOD_ADD, one.name, one.values);
  CControls server(controls);
  int id = 0;
  return state_->sent(ldap_add_ext(state_->usable(), c_text(dn), changes.get(), server.get(), nullptr, &id),
                      id, "add " + dn);
}

MessageId Codec::modify(const std::string& dn, const std::vector<Modification>& wanted,
                        const std::vector<Control>& controls) {
  CChanges changes;
  for (const auto& one : wanted)
    changes.put(one.kind == Modification::Kind::add      ? LDAP_MOD_ADD
                : one.kind == Modification::Kind::remove ? LDAP_MOD_DELETE
                                                         : LDAP_MOD_REPLACE,
                one.attribute, one.values);
  CControls server(controls);
  int id = 0;
  return state_->sent(
      ldap_modify_ext(state_->usable(), c_text(dn), changes.get(), server.get(), nullptr, &id), id,
      "modify " + dn);
}

MessageId Codec::rename(const Rename& wanted, const std::vector<Control>& controls) {
  CControls server(controls);
  int id = 0;
  return state_->sent(ldap_rename(state_->usable(), c_text(wanted.dn), c_text(wanted.new_rdn),
                                  wanted.new_superior.empty() ? nullptr : c_text(wanted.new_superior),
                                  wanted.delete_old_rdn ? 1 : 0, server.get(), nullptr, &id),
                      id, "modrdn " + wanted.dn);
}

MessageId Codec::remove(const std::string& dn, const std::vector<Control>& controls) {
  CControls server(controls);
  int id = 0;
  return state_->sent(ldap_delete_ext(state_->usable(), c_text(dn), server.get(), nullptr, &id), id,
                      "delete " + dn);
}

void Codec::abandon(MessageId id) {
  if (!state_->broken) ldap_abandon_ext(state_->handle, id, nullptr, nullptr);
}

std::string Codec::farewell() {
  state_->end();
  return take_output();
}

std::string Codec::take_output() {
  return std::exchange(state_->out, {});
}

void Codec::feed(std::string_view octets) {
  // What was read already goes before the string has to grow.
  if (state_->taken == state_->in.size()) {
    state_->in.clear();
    state_->taken = 0;
  } else if (state_->taken > (1U << 16U)) {
    state_->in.erase(0, state_->taken);
    state_->taken = 0;
  }
  state_->in.append(octets);
}

std::optional<Message> Codec::next() {
  while (!state_->broken) {
    const auto size = state_->whole_message();
    if (size == 0) return std::nullopt;
    const std::string_view whole(state_->in.data() + state_->taken, size);
    state_->border = state_->taken + size;
    if (is_notice(whole)) {
      state_->taken = state_->border;
      return read_notice(whole);
    }
    LDAPMessage* raw = nullptr;
    timeval limit = at_once();
    const int kind = ldap_result(state_->handle, LDAP_RES_ANY, LDAP_MSG_ONE, &limit, &raw);
    const std::unique_ptr<LDAPMessage, MessageFree> owner(raw);
    if (kind < 0 || state_->taken != state_->border) state_->fail();
    if (kind == 0) continue;  // of a request that was abandoned
    try {
      if (auto message = read_message(state_->handle, raw, kind)) return message;
    } catch (...) {
      state_->broken = true;
      throw;
    }
  }
  return std::nullopt;
}

}  // namespace mirror::ldap
