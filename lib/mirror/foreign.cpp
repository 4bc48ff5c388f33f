// SPDX-License-Identifier: Apache-2.0
// The link's policy "remove" (S21): messages that others put on the target go, after every append of the
// pass, guarded like deletions; never one of which the memory was lost, never one that is not the one seen.

#include "db/extras.hpp"
#include "db/guard.hpp"
#include "mirror/pass.hpp"

namespace mirror::engine {

namespace {

struct Surplus {
  FolderWork* folder = nullptr;
  std::vector<db::Extra> messages;
};

Task<std::vector<Surplus>> load_surplus(Pass& pass) {
  std::vector<Surplus> out;
  for (auto& folder : pass.folders) {
    if (!folder.looked || !folder.row.memory || folder.row.foreign == 0) continue;
    auto messages = co_await db::load_foreign(pass.world.pool, folder.key());
    if (!messages.empty()) out.push_back({&folder, std::move(messages)});
  }
  co_return out;
}

// There is nothing to release one by one: they stay as foreign, and the mailbox says so.
Task<bool> within_limits(Pass& pass, const std::vector<Surplus>& surplus) {
  plan::GuardInput input;
  for (const auto& folder : pass.folders) input.mapped += folder.row.mapped + folder.row.foreign;
  for (const auto& one : surplus)
    input.removed.insert(input.removed.end(), one.messages.size(), std::nullopt);
  co_await add_removed_lately(pass, input);
  const auto verdict = plan::judge_removals(input, guard_limits(*pass.link));
  if (verdict.hold) pass.note(Failure("MRD-MIR-023", verdict.reason));
  co_return !verdict.hold;
}

Task<void> remove_from(Pass& pass, FolderWork& folder, const std::vector<db::Extra>& messages) {
  if (!co_await select_for_removal(pass, folder)) co_return;
  base::UidSet uids, doomed, gone;
  for (const auto& message : messages) uids.add(message.target);
  const auto present = co_await facts_on_target(pass, folder, uids);
  for (const auto& message : messages) {
    const auto found = present.find(message.target);
    if (found == present.end())
      gone.add(message.target);
    else if (found->second.size == message.size && found->second.date == message.date)
      doomed.add(message.target);
    else
      pass.note(Failure("MRD-MIR-011", fmt::format("{} UID {}", folder.row.target_name, message.target)));
  }
  co_await db::drop_extras(pass.world.pool, folder.key(), gone);
  if (doomed.empty()) co_return;
  const auto step = co_await pass.open_step(
      folder.row.id, "expunge", fmt::format("{{\"foreign\": true, \"messages\": {}}}", doomed.count()));
  const auto kept = co_await expunge_from(pass, folder, doomed);
  if (!kept) {
    co_await db::close_step(pass.world.pool, step);
    co_return;
  }
  base::UidSet removed;
  for (const auto& message : messages)
    if (doomed.contains(message.target) && !kept->contains(message.target)) removed.add(message.target);
  pass.counts.removed += removed.count();
  folder.row.foreign -= std::min<std::uint64_t>(folder.row.foreign, removed.count());
  co_await db::save_foreign_removed(pass.world.pool, pass.fence, folder.key(), step, folder.row.target_name,
                                    std::move(removed));
}

}  // namespace

Task<void> remove_foreign(Pass& pass) {
  if (pass.link->foreign_policy != "remove") co_return;
  const auto surplus = co_await load_surplus(pass);
  if (surplus.empty() || !co_await within_limits(pass, surplus)) co_return;
  for (const auto& [folder, messages] : surplus) {
    if (pass.dry_run)
      pass.counts.removed += messages.size();
    else
      co_await remove_from(pass, *folder, messages);
  }
}

}  // namespace mirror::engine
