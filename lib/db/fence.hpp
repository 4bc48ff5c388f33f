// SPDX-License-Identifier: Apache-2.0
#pragma once

// Who is writing, why, and under which lease: goes along with every recorded change (laws 7 and 12).

#include <string>

#include "base/ids.hpp"

namespace mirror::db {

struct Fence {
  base::MailboxId mailbox{};
  base::LinkId link{};
  base::Epoch epoch{};
  base::RunId run{};   // 0: no run
  std::string reason;  // "deposit", "review", "drift"
};

}  // namespace mirror::db
