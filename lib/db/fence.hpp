// SPDX-License-Identifier: Apache-2.0
#pragma once

// Who is writing, why, and under which lease: goes along with every recorded change (laws 7 and 12).

#include <chrono>
#include <string>

#include "base/ids.hpp"

namespace mirror::db {

struct Fence {
  base::MailboxId mailbox{};
  base::LinkId link{};
  base::Epoch epoch{};
  base::RunId run{};                             // 0: no run
  std::string reason;                            // "deposit", "review", "drift"
  std::chrono::milliseconds lease_left{10'000};  // what permits an effect on the target needs so much of it
};

}  // namespace mirror::db
