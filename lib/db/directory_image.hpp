// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a run saw in both directories, as rows to be compared: keyed hashes in place of values. The tables are
// not logged: after a crash of PostgreSQL they are empty, and the run begins anew.

#include "db/directory.hpp"

namespace mirror::db {

enum class Side : char { source = 's', target = 't' };
using FieldHash = std::array<std::uint8_t, 16>;  // zeros: no value

struct ImageRow {
  std::string key;
  std::string uuid;
  std::string dn;
  std::string target_dn;  // of the source's
  FieldHash name_hash{};
  std::string csn;
  std::vector<std::uint8_t> fields;  // 16 octets a field
  std::string mailbox;               // of the source's
  std::string problem;
};

// A new plan, its link's earlier ones superseded; what an earlier run saw is thrown away. Changes that were
// sent and never answered (mirrord died) become 'unknown': the new plan says what came of them.
Task<PlanId> begin_plan(Pool& pool, RunId run, LinkId link, std::string map_hash);
// One COPY. void_earlier: what was copied of this side so far does not count.
Task<void> copy_images(Pool& pool, RunId run, Side side, std::vector<ImageRow> rows);
Task<void> void_images(Pool& pool, RunId run, Side side);

struct MemberRow {
  std::string uuid;
  std::string mailbox;
};
Task<void> copy_members(Pool& pool, RunId run, std::vector<MemberRow> rows);
Task<void> void_members(Pool& pool, RunId run);

}  // namespace mirror::db
