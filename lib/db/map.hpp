// SPDX-License-Identifier: Apache-2.0
#pragma once

// The map: which source message is which target message. Provenance: never dropped, only verified.

#include <optional>
#include <vector>

#include "base/provenance.hpp"
#include "base/uid_set.hpp"
#include "db/folders.hpp"

namespace mirror::db {

using base::MapRow;

struct FolderKey {
  FolderId folder{};
  UidValidity source{};
  UidValidity target{};
};

// Every row of a folder, ascending by source UID.
Task<std::vector<MapRow>> load_rows(Pool& pool, FolderKey key);
// These rows are not true: the next pass forgets them, and matches what they were about by content
// (begin_pass).
Task<void> suspect_rows(Pool& pool, FolderKey key, UidSet source);
// The rows named by either set.
Task<std::vector<MapRow>> load_rows_of(Pool& pool, FolderKey key, UidSet source, UidSet target);
// Rows under an earlier source UIDVALIDITY whose copies are still on the target.
struct Orphan {
  UidValidity source_uidvalidity{};
  MapRow row;
  bool held = false;  // its deletion waits for an operator
};
Task<std::vector<Orphan>> load_orphans(Pool& pool, FolderKey key);
// Remembered flags that changed without a change on the target.
Task<void> save_flags(Pool& pool, FolderKey key, std::vector<MapRow> rows);

}  // namespace mirror::db
