// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "db/fence_detail.hpp"

namespace mirror::db {

// Mailboxes with rows whose time has come are marked for a complete compare, once for each row. How many.
std::size_t raise_quarantine_due(Transaction& tx);

}  // namespace mirror::db
