// SPDX-License-Identifier: Apache-2.0
#pragma once

// The words of LDAP (RFC 4511) as plain data. Values are octets: a std::string holds them as they came.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mirror::ldap {

struct Attribute {
  std::string name;  // with its options, as the server spelled it: "cn", "userCertificate;binary"
  std::vector<std::string> values;
};

struct Entry {
  std::string dn;
  std::vector<Attribute> attributes;

  // By name without regard to case (RFC 4512 2.5); nullptr when it is not there.
  const Attribute* find(std::string_view name) const noexcept;
  // The first value, or an empty text.
  std::string_view first(std::string_view name) const noexcept;
};

// Result codes this program acts upon (RFC 4511 appendix A, RFC 4528); others are kept as numbers.
enum class Code : int {
  success = 0,
  operations_error = 1,
  protocol_error = 2,
  time_limit_exceeded = 3,
  size_limit_exceeded = 4,
  strong_auth_required = 8,
  referral = 10,
  admin_limit_exceeded = 11,
  unavailable_critical_extension = 12,
  confidentiality_required = 13,
  no_such_attribute = 16,
  undefined_type = 17,
  inappropriate_matching = 18,
  constraint_violation = 19,
  type_or_value_exists = 20,
  invalid_syntax = 21,
  no_such_object = 32,
  invalid_dn_syntax = 34,
  inappropriate_auth = 48,
  invalid_credentials = 49,
  insufficient_access = 50,
  busy = 51,
  unavailable = 52,
  unwilling = 53,
  naming_violation = 64,
  object_class_violation = 65,
  not_allowed_on_non_leaf = 66,
  not_allowed_on_rdn = 67,
  already_exists = 68,
  no_object_class_mods = 69,
  assertion_failed = 122,
};

// The number and its name: "50 insufficientAccessRights".
std::string to_text(Code code);

struct Control {
  std::string oid;
  std::string value;  // BER
  bool critical = false;
};

// How an operation ended.
struct Outcome {
  Code code = Code::success;
  std::string matched_dn;
  std::string text;  // the server's words; never a secret
  std::vector<std::string> referrals;
  std::vector<Control> controls;
  std::string value;  // of an extended response

  bool ok() const noexcept { return code == Code::success; }
  std::string words() const;  // "32 noSuchObject: the server's words"
};

enum class Scope { base, one, subtree };

struct SearchRequest {
  std::string base;
  Scope scope = Scope::subtree;
  std::string filter = "(objectClass=*)";
  std::vector<std::string> attributes;  // empty: all user attributes
  int size_limit = 0;                   // 0: the server's own
  std::chrono::seconds time_limit{};    // 0: the server's own
  std::vector<Control> controls;
};

struct Modification {
  enum class Kind { add, remove, replace };
  Kind kind = Kind::replace;
  std::string attribute;
  std::vector<std::string>
      values;  // none: replace takes the attribute away, and is no error when it is absent
};

struct Rename {
  std::string dn;
  std::string new_rdn;
  std::string new_superior;  // empty: stays where it is
  bool delete_old_rdn = true;
};

// A value as part of a filter text (RFC 4515 3).
std::string escape_filter(std::string_view value);

// Whether these are a part of the attribute's values alone: "member;range=0-1499" (Active Directory).
bool is_part(std::string_view name) noexcept;

// Names of attribute types are compared without regard to case.
bool same_name(std::string_view a, std::string_view b) noexcept;

}  // namespace mirror::ldap
