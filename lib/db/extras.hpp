// SPDX-License-Identifier: Apache-2.0
#pragma once

// Messages on the target that are not of the map: foreign ones and those of which the memory was lost. They
// are recorded once, and left alone unless the link's policy says otherwise.

#include "db/changes.hpp"

namespace mirror::db {

struct Extra {
  Uid target{};
  bool unknown = false;
  std::uint64_t size = 0;
  std::int64_t date = 0;
  std::optional<base::Digest> digest;
};
Task<void> save_extras(Pool& pool, Fence fence, FolderKey key, std::vector<Extra> extras, Uid floor);
Task<void> drop_extras(Pool& pool, FolderKey key, UidSet gone);
// Those known to be foreign, by UID; never one that is merely unknown.
Task<std::vector<Extra>> load_foreign(Pool& pool, FolderKey key);
// They were expunged: a history row each with their digest, and no row of the step or of them any more.
Task<void> save_foreign_removed(Pool& pool, Fence fence, FolderKey key, StepId step, std::string folder_name,
                                UidSet gone);

}  // namespace mirror::db
