// SPDX-License-Identifier: Apache-2.0
#include "mirror/quarantine.hpp"

namespace mirror::engine {

db::Quarantined quarantine_row(const FolderWork& folder, base::Uid source, std::string kind,
                               const Failure& failure, std::string server_text) {
  db::Quarantined row;
  row.folder = folder.row.id;
  row.folder_name = folder.row.source_name;
  row.kind = std::move(kind);
  row.source_uidvalidity = folder.row.source_uidvalidity;
  row.source = source;
  row.code = std::string(failure.code());
  row.server_text = std::move(server_text);
  return row;
}

Task<void> quarantine_rows(Pass& pass, FolderWork& folder, std::vector<db::Quarantined> rows) {
  std::set<base::Uid> sources;
  for (const auto& row : rows) sources.insert(row.source);
  const auto waiting = co_await db::quarantine(pass.world.pool, pass.item.mailbox, std::move(rows));
  for (const auto uid : sources) {
    if (waiting.contains(uid)) {
      folder.row.quarantined.add(uid);
      ++pass.counts.quarantined;
      continue;
    }
    folder.trouble = true;  // the next pass sends it again
    pass.note(Failure("MRD-MIR-003", folder.row.target_name));
  }
}

}  // namespace mirror::engine
