// SPDX-License-Identifier: Apache-2.0
#include "db/fence_detail.hpp"

#include "base/failure.hpp"

namespace mirror::db {

void require_epoch(Transaction& tx, const Fence& fence) {
  tx.of_a_pass = true;
  const auto lease = tx.exec_params("select 1 from lease where mailbox_id = $1 and epoch = $2 for share",
                                    base::raw(fence.mailbox), base::raw(fence.epoch));
  if (lease.empty())
    throw base::Failed(
        base::Failure("MRD-MIR-006", fmt::format("mailbox {}, epoch {}", fence.mailbox, fence.epoch)));
}

void require_writable(Transaction& tx, const Fence& fence) {
  tx.of_a_pass = true;
  const auto site = tx.exec("select state from site for share");
  if (site.empty() || site[0][0].as<std::string>() != "mirroring")
    throw base::Failed(
        base::Failure("MRD-MIR-008", site.empty() ? "no site row" : site[0][0].as<std::string>()));
  const auto lease = tx.exec_params(
      "select 1 from lease where mailbox_id = $1 and epoch = $2 and until > now() + make_interval(secs => "
      "$3) "
      "for share",
      base::raw(fence.mailbox), base::raw(fence.epoch),
      std::chrono::duration<double>(fence.lease_left).count());
  if (lease.empty())
    throw base::Failed(
        base::Failure("MRD-MIR-006", fmt::format("mailbox {}, epoch {}", fence.mailbox, fence.epoch)));
}

}  // namespace mirror::db
