// SPDX-License-Identifier: Apache-2.0
#pragma once

// What one message's trouble leaves behind, so that the rest goes on (law 6).

#include "db/quarantine.hpp"
#include "mirror/pass.hpp"

namespace mirror::engine {

// kind: as db::Quarantined. server_text: what the target said, if it said anything.
db::Quarantined quarantine_row(const FolderWork& folder, base::Uid source, std::string kind,
                               const Failure& failure, std::string server_text);

// Rows of one folder's messages. Those that wait now are left alone by this pass and the next; for the others
// the folder is in trouble, and is looked at again.
Task<void> quarantine_rows(Pass& pass, FolderWork& folder, std::vector<db::Quarantined> rows);

}  // namespace mirror::engine
