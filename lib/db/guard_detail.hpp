// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the files that write removals share. Private to the room.

#include "db/changes.hpp"
#include "db/rows_detail.hpp"

namespace mirror::db {

struct PairArrays {
  std::string source, target;
};
PairArrays pair_arrays(const std::vector<RemovalResult>& pairs);
// Deletions the guard let through count towards the limits of a day.
void count_guarded(Transaction& tx, base::MailboxId mailbox, std::uint64_t messages);

// The mailboxes of folders (ids in column 0) whose deletions were released become dirty; how many.
std::size_t raise_released(Transaction& tx, const pqxx::result& folders);

}  // namespace mirror::db
