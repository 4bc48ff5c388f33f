// SPDX-License-Identifier: Apache-2.0
// The one place that removes a message from the target (law 5), for the three who may ask for it: a deletion
// of the map, a late copy, a foreign message under the policy "remove".

#include "base/fault.hpp"
#include "mirror/pass.hpp"

namespace mirror::engine {

namespace {

// Servers are known that answer OK and keep a message.
Task<base::UidSet> still_there(Pass& pass, const FolderWork& folder, const base::UidSet& expunged) {
  base::UidSet kept;
  imap::FetchWhat what;
  what.flags = false;
  const auto reply = co_await pass.target->fetch(expunged, what, [&](const imap::MessageData& m) {
    if (m.uid) kept.add(*m.uid);
  });
  if (!reply.ok()) throw base::Failed(imap::failure_of(reply, "FETCH", folder.row.target_name));
  co_return kept;
}

}  // namespace

Task<bool> select_for_removal(Pass& pass, FolderWork& folder) {
  const auto selected = co_await pass.target->select(folder.row.target_name, false);
  if (selected && selected->uidvalidity == folder.row.target_uidvalidity) co_return true;
  folder.trouble = true;
  // Another UIDVALIDITY is another folder now: the next pass finds out.
  pass.note(selected ? Failure("MRD-MIR-009", folder.row.target_name) : selected.error());
  co_return false;
}

Task<TargetFacts> facts_on_target(Pass& pass, const FolderWork& folder, const base::UidSet& uids) {
  imap::FetchWhat what;
  what.date = what.size = true;
  TargetFacts present;
  const auto reply = co_await pass.target->fetch(uids, what, [&](const imap::MessageData& m) {
    if (m.uid && m.size && m.date) present[*m.uid] = {*m.size, m.date->unix_seconds};
  });
  if (!reply.ok()) throw base::Failed(imap::failure_of(reply, "FETCH", folder.row.target_name));
  co_return present;
}

Task<std::optional<base::UidSet>> expunge_from(Pass& pass, FolderWork& folder, const base::UidSet& uids) {
  base::fault_point("expunge.step");
  co_await pass.ensure_permitted();
  const auto reply = co_await pass.target->expunge(uids);
  base::fault_point("expunge.done");
  if (!reply.ok()) {
    folder.trouble = true;
    pass.note_refusal(imap::failure_of(reply, "EXPUNGE", folder.row.target_name));
    co_return std::nullopt;
  }
  folder.forget_target_status();
  auto kept = co_await still_there(pass, folder, uids);
  if (!kept.empty()) {
    folder.trouble = true;
    pass.note(Failure("MRD-MIR-022", fmt::format("{} UID {}", folder.row.target_name, kept.text())));
  }
  co_return kept;
}

}  // namespace mirror::engine
