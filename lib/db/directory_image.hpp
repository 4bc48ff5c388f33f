// SPDX-License-Identifier: Apache-2.0
#pragma once

// What was read of both directories, as rows to be compared: keyed hashes in place of values. Most of them
// are as they were at the last reading, and stay where they are.

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
  FieldHash row_hash{};
};

// A new plan, its link's earlier ones superseded. Changes that were
// sent and never answered (mirrord died) become 'unknown': the new plan says what came of them.
Task<PlanId> begin_plan(Pool& pool, RunId run, LinkId link, std::string map_hash);
// What the last reading of a side put down: UUID and the hash of what came from the server
// (EntryReader::raw_hash).
struct KnownImage {
  std::string uuid;
  FieldHash row_hash{};
};
Task<std::vector<KnownImage>> known_images(Pool& pool, LinkId link, Side side);
// Rows that are new or changed; replaced: those of them that were there.
Task<void> put_images(Pool& pool, LinkId link, Side side, std::vector<ImageRow> rows,
                      std::vector<std::string> replaced);
Task<void> drop_images(Pool& pool, LinkId link, Side side, std::vector<std::string> uuids);

struct MemberRow {
  std::string uuid;
  std::string mailbox;
};
Task<void> copy_members(Pool& pool, RunId run, std::vector<MemberRow> rows);
Task<void> void_members(Pool& pool, RunId run);

}  // namespace mirror::db
