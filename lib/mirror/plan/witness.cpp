// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/witness.hpp"

#include <algorithm>

namespace mirror::plan {

base::UidSet witnesses(const std::vector<MapRow>& rows, const FolderView& view, Side side) {
  std::vector<base::Uid> mapped, present, both;
  for (const auto& row : rows) mapped.push_back(side == Side::source ? row.source : row.target);
  for (const auto& message : view.messages) present.push_back(message.uid);
  std::sort(mapped.begin(), mapped.end());
  std::sort(present.begin(), present.end());
  std::set_intersection(mapped.begin(), mapped.end(), present.begin(), present.end(),
                        std::back_inserter(both));
  base::UidSet out;
  for (std::size_t i = both.size() - std::min(both.size(), k_witnesses); i < both.size(); ++i)
    out.add(both[i]);
  return out;
}

bool is_another(const MapRow& row, const CopyItem& seen, Side side) {
  if (side == Side::target && row.target_size != 0)
    return seen.size != row.target_size || seen.date.unix_seconds != row.target_date;
  if (row.message_id_hash != 0 && seen.message_id_hash != 0)
    return row.message_id_hash != seen.message_id_hash;
  return seen.date.unix_seconds != row.date;
}

}  // namespace mirror::plan
