// SPDX-License-Identifier: Apache-2.0
// The controls this program sends. Their values are made and read by liblber.

#include "base/failure.hpp"
#include "ldap/codec_detail.hpp"

namespace mirror::ldap {

namespace {

using Ber = std::unique_ptr<BerElement, BerDispose>;

std::string flatten(const Ber& ber) {
  berval value{};
  if (ber_flatten2(ber.get(), &value, 0) < 0) throw base::Failed(base::Failure("MRD-LDAP-003", "a control"));
  return {value.bv_val, value.bv_len};
}

const Control* control_of(const Outcome& outcome, std::string_view oid) {
  for (const auto& control : outcome.controls)
    if (control.oid == oid) return &control;
  return nullptr;
}

// Nothing for a control without a value: liblber would read where there is nothing.
Ber reader(const Control& control) {
  if (control.value.empty()) return nullptr;
  berval value{control.value.size(), const_cast<char*>(control.value.data())};
  return Ber(ber_init(&value));
}

}  // namespace

Control paged_results(int size, const std::string& cookie) {
  const Ber ber(ber_alloc_t(LBER_USE_DER));
  berval kept{cookie.size(), const_cast<char*>(cookie.data())};
  ber_printf(ber.get(), "{iO}", size, &kept);
  return {LDAP_CONTROL_PAGEDRESULTS, flatten(ber), true};
}

std::optional<std::string> page_cookie(const Outcome& outcome) {
  const auto* control = control_of(outcome, LDAP_CONTROL_PAGEDRESULTS);
  if (control == nullptr) return std::nullopt;
  const Ber ber = reader(*control);
  ber_int_t estimate = 0;
  berval cookie{};
  if (!ber || ber_scanf(ber.get(), "{im}", &estimate, &cookie) == LBER_ERROR) return std::nullopt;
  return std::string(cookie.bv_val, cookie.bv_len);
}

Control Codec::assertion(const std::string& filter) {
  berval value{};
  if (ldap_create_assertion_control_value(state_->usable(), const_cast<char*>(c_text(filter)), &value) !=
      LDAP_SUCCESS)
    throw base::Failed(base::Failure("MRD-LDAP-003", filter));
  const std::unique_ptr<char, MemoryFree> owner(value.bv_val);
  return {LDAP_CONTROL_ASSERT, std::string(value.bv_val, value.bv_len), true};
}

namespace {

// RFC 4527: the entry as it was, or is, in the answer to its change.
Control read_entry_control(const char* oid, const std::vector<std::string>& attributes) {
  const Ber ber(ber_alloc_t(LBER_USE_DER));
  CNames names(attributes);
  ber_printf(ber.get(), "{v}", names.get());
  return {oid, flatten(ber), false};
}

std::optional<Entry> entry_in(const Outcome& outcome, const char* oid) {
  const auto* control = control_of(outcome, oid);
  if (control == nullptr) return std::nullopt;
  const Ber ber = reader(*control);
  Entry entry;
  berval name{};
  if (!ber || ber_scanf(ber.get(), "{m", &name) == LBER_ERROR) return std::nullopt;
  entry.dn.assign(name.bv_val, name.bv_len);
  ber_len_t length = 0;
  char* end = nullptr;
  for (auto tag = ber_first_element(ber.get(), &length, &end); tag != LBER_DEFAULT;
       tag = ber_next_element(ber.get(), &length, end)) {
    berval type{};
    BerVarray values = nullptr;
    if (ber_scanf(ber.get(), "{m[W]}", &type, &values) == LBER_ERROR) return std::nullopt;
    auto& attribute = entry.attributes.emplace_back();
    attribute.name.assign(type.bv_val, type.bv_len);
    for (auto* value = values; value != nullptr && value->bv_val != nullptr; ++value)
      attribute.values.emplace_back(value->bv_val, value->bv_len);
    ber_bvarray_free(values);
  }
  return entry;
}

}  // namespace

Control pre_read(const std::vector<std::string>& attributes) {
  return read_entry_control(LDAP_CONTROL_PRE_READ, attributes);
}

std::optional<Entry> pre_read_entry(const Outcome& outcome) {
  return entry_in(outcome, LDAP_CONTROL_PRE_READ);
}

Control post_read(const std::vector<std::string>& attributes) {
  return read_entry_control(LDAP_CONTROL_POST_READ, attributes);
}

std::optional<Entry> post_read_entry(const Outcome& outcome) {
  return entry_in(outcome, LDAP_CONTROL_POST_READ);
}

}  // namespace mirror::ldap
