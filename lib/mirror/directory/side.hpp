// SPDX-License-Identifier: Apache-2.0
#pragma once

// One side of the directory mirror: a connection, and what its server says of itself.

#include <memory>

#include "base/clock.hpp"
#include "db/directory.hpp"
#include "ldap/connection.hpp"
#include "ldap/dn.hpp"
#include "mirror/directory/recent.hpp"
#include "mirror/gate.hpp"

namespace mirror::directory {

using net::Task;

// What every part uses; owned by the daemon, outlives all of them.
struct Context {
  db::Pool& pool;
  const base::Sealer* sealer;  // nullptr: no key file
  engine::Gate& gate;
  const base::Clock& clock;
  std::string node;
  std::chrono::milliseconds silence{60000};
  std::chrono::milliseconds send_within{5000};  // law 7: a COMMIT older than this sends nothing any more
};

struct Side {
  db::DirectoryRecord record;
  std::unique_ptr<ldap::Connection> connection;
  ldap::Schema schema;
  std::string schema_hash;  // of what the schema was read from: the rules of all values depend on it
  ldap::Dn base;
  bool assertion = false, pre_read = false, post_read = false;  // RFC 4528, RFC 4527
  Recent recent;                                                // of production
};

// Throws Failed with the code of what went wrong. purpose: "source" or "target". passwords: the map has one,
// so that a connection without TLS is refused (MRD-LDAP-005).
Task<Side> open_side(const Context& context, db::DirectoryRecord record, std::string purpose, bool passwords);

}  // namespace mirror::directory
