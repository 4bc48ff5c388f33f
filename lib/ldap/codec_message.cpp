// SPDX-License-Identifier: Apache-2.0
// Messages of libldap as plain values, and values as its arrays.

#include "base/failure.hpp"
#include "ldap/codec_detail.hpp"

namespace mirror::ldap {

namespace {

std::string text_of(const berval& value) {
  return value.bv_val == nullptr ? "" : std::string(value.bv_val, value.bv_len);
}

struct BerFree {
  void operator()(BerElement* ber) const noexcept { ber_free(ber, 0); }
};

// A part that cannot be read is never left out: what is not there would count as gone.
[[noreturn]] void undecodable() {
  throw base::Failed(base::Failure("MRD-LDAP-002", "a message of the server cannot be decoded"));
}

Entry read_entry(LDAP* handle, LDAPMessage* raw) {
  Entry entry;
  BerElement* ber = nullptr;
  berval name{};
  if (ldap_get_dn_ber(handle, raw, &ber, &name) != LDAP_SUCCESS) undecodable();
  const std::unique_ptr<BerElement, BerFree> owner(ber);
  entry.dn = text_of(name);
  while (true) {
    berval type{};
    BerVarray values = nullptr;
    if (ldap_get_attribute_ber(handle, raw, ber, &type, &values) != LDAP_SUCCESS) undecodable();
    if (type.bv_val == nullptr) break;
    // The array is ours, what it points to belongs to the message.
    const std::unique_ptr<berval, MemoryFree> array(values);
    Attribute& attribute = entry.attributes.emplace_back();
    attribute.name = text_of(type);
    for (auto* value = values; value != nullptr && value->bv_val != nullptr; ++value)
      attribute.values.push_back(text_of(*value));
  }
  return entry;
}

std::vector<std::string> take_texts(char** texts) {
  std::vector<std::string> out;
  for (char** text = texts; text != nullptr && *text != nullptr; ++text) out.emplace_back(*text);
  ber_memvfree(reinterpret_cast<void**>(texts));
  return out;
}

Outcome read_outcome(LDAP* handle, LDAPMessage* raw, int kind) {
  Outcome outcome;
  int code = 0;
  char *matched = nullptr, *text = nullptr;
  char** referrals = nullptr;
  LDAPControl** controls = nullptr;
  if (ldap_parse_result(handle, raw, &code, &matched, &text, &referrals, &controls, 0) != LDAP_SUCCESS)
    undecodable();
  const std::unique_ptr<char, MemoryFree> own_matched(matched), own_text(text);
  outcome.code = static_cast<Code>(code);
  if (matched != nullptr) outcome.matched_dn = matched;
  if (text != nullptr) outcome.text = text;
  outcome.referrals = take_texts(referrals);
  outcome.controls = read_controls(controls);
  ldap_controls_free(controls);
  if (kind == LDAP_RES_EXTENDED) {
    berval* value = nullptr;
    if (ldap_parse_extended_result(handle, raw, nullptr, &value, 0) == LDAP_SUCCESS && value != nullptr) {
      outcome.value = text_of(*value);
      ber_bvfree(value);
    }
  }
  return outcome;
}

}  // namespace

std::optional<Message> read_message(LDAP* handle, LDAPMessage* raw, int kind) {
  Message message;
  message.id = ldap_msgid(raw);
  if (kind == LDAP_RES_INTERMEDIATE) return std::nullopt;
  if (kind == LDAP_RES_SEARCH_ENTRY) {
    message.kind = Message::Kind::entry;
    message.entry = read_entry(handle, raw);
  } else if (kind == LDAP_RES_SEARCH_REFERENCE) {
    message.kind = Message::Kind::reference;
    char** uris = nullptr;
    if (ldap_parse_reference(handle, raw, &uris, nullptr, 0) != LDAP_SUCCESS) undecodable();
    message.outcome.referrals = take_texts(uris);
    if (message.outcome.referrals.empty()) message.outcome.referrals.emplace_back("(no address)");
  } else {
    message.kind = kind == LDAP_RES_SEARCH_RESULT ? Message::Kind::search_result : Message::Kind::result;
    message.outcome = read_outcome(handle, raw, kind);
  }
  return message;
}

// Its id is zero, in however many octets.
bool is_notice(std::string_view message) {
  const std::size_t header = static_cast<unsigned char>(message[1]) < 0x80 ? 2 : 2 + (message[1] & 0x7f);
  const auto id = message.substr(header);
  if (id.size() < 3 || id[0] != '\x02' || id[1] < 1 || id[1] > 4) return false;
  const auto value = id.substr(2, static_cast<std::size_t>(id[1]));
  return value.find_first_not_of('\0') == std::string_view::npos;
}

Message read_notice(std::string_view octets) {
  Message message;
  message.kind = Message::Kind::notice;
  message.outcome.code = Code::protocol_error;
  berval whole{octets.size(), const_cast<char*>(octets.data())};
  const std::unique_ptr<BerElement, BerDispose> ber(ber_init(&whole));
  ber_int_t id = 0, code = 0;
  berval matched{}, text{};
  if (ber && ber_scanf(ber.get(), "{i{emm", &id, &code, &matched, &text) != LBER_ERROR) {
    message.outcome.code = static_cast<Code>(code);
    message.outcome.text = text_of(text);
  }
  return message;
}

std::vector<Control> read_controls(LDAPControl** controls) {
  std::vector<Control> out;
  for (auto** one = controls; one != nullptr && *one != nullptr; ++one)
    out.push_back({(*one)->ldctl_oid, text_of((*one)->ldctl_value), (*one)->ldctl_iscritical != 0});
  return out;
}

const char* c_text(const std::string& text) {
  if (text.find('\0') != std::string::npos)
    throw base::Failed(base::Failure("MRD-LDAP-003", "a NUL within a name"));
  return text.c_str();
}

CControls::CControls(const std::vector<Control>& controls) {
  for (const auto& one : controls) {
    auto& made = kept_.emplace_back();
    made.ldctl_oid = const_cast<char*>(c_text(one.oid));
    made.ldctl_value = {one.value.size(), one.value.empty() ? nullptr : const_cast<char*>(one.value.data())};
    made.ldctl_iscritical = one.critical ? 1 : 0;
    list_.push_back(&made);
  }
  list_.push_back(nullptr);
}

void CChanges::put(int kind, const std::string& attribute, const std::vector<std::string>& values) {
  auto& one = kept_.emplace_back();
  for (const auto& value : values) {
    one.values.push_back({value.size(), const_cast<char*>(value.data())});
    one.list.push_back(&one.values.back());
  }
  one.list.push_back(nullptr);
  one.mod.mod_op = kind | LDAP_MOD_BVALUES;
  one.mod.mod_type = const_cast<char*>(c_text(attribute));
  one.mod.mod_bvalues = values.empty() ? nullptr : one.list.data();
}

LDAPMod** CChanges::get() {
  list_.clear();
  for (auto& one : kept_) list_.push_back(&one.mod);
  list_.push_back(nullptr);
  return list_.data();
}

}  // namespace mirror::ldap
