// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a change may end, for the sources of Changer alone.

#include "db/directory_changes.hpp"
#include "ldap/types.hpp"

namespace mirror::directory {

using ldap::Code;

inline void refuse(db::ChangeResult& out, const ldap::Outcome& outcome) {
  out.state = "refused";
  out.code = "MRD-DIR-005";
  out.detail = outcome.words();
}

inline void unneeded(db::ChangeResult& out, const char* why) {
  out.state = "unneeded";
  out.code.clear();
  out.detail = why;
}

inline void done(db::ChangeResult& out) {
  out.state = "done";
  out.code.clear();
}

// Not as it was seen: gone from its name, or changed since (RFC 4528).
inline bool has_moved_on(const ldap::Outcome& outcome) {
  return outcome.code == Code::assertion_failed || outcome.code == Code::no_such_object;
}

constexpr const char* k_production_changed = "production changed it meanwhile; the next run looks again";
constexpr const char* k_dr_changed = "DR's entry changed meanwhile; the next run looks again";

}  // namespace mirror::directory
