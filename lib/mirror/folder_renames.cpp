// SPDX-License-Identifier: Apache-2.0
// A folder renamed on the source is renamed on the target, never copied again: confirmed by its messages,
// done as one permutation, each step recorded.

#include "base/fault.hpp"
#include "mirror/folder_steps.hpp"
#include "mirror/step_detail.hpp"

namespace mirror::engine {

namespace {

// The step that was refused, and how; nullopt: all of them are done.
struct RefusedRename {
  plan::RenameStep step;
  imap::Reply reply;
};

Task<std::optional<RefusedRename>> run_renames(Pass& pass, std::vector<plan::RenameStep> steps,
                                               base::FolderId first) {
  const auto parked = fmt::format("{}{}-", k_parked, pass.fence.epoch);
  for (const auto& step : plan::order_renames(std::move(steps), parked, pass.target_delimiter)) {
    const auto reply = co_await rename_on_target(pass, first, step);
    if (!reply.ok()) co_return RefusedRename{step, reply};
    move_on_target(pass, step);
  }
  co_return std::nullopt;
}

std::vector<ConfirmedRename> with_names(const Pass& pass, const plan::FolderPlan& plan,
                                        const RecordsById& records) {
  std::vector<ConfirmedRename> confirmed;
  std::set<std::string> used;
  for (const auto& [row, folder] : plan.kept) used.insert(row.target_name);
  for (const auto& candidate : plan.renamed) {
    std::string to = plan::target_folder_name(candidate.now.name, name_rules(pass, candidate.now));
    while (!used.insert(to).second) to += "=02";
    confirmed.push_back({records.at(candidate.row.id), candidate.now, to});
  }
  return confirmed;
}

// A name that the server refuses for good, whoever asks (another program's folder, or one that cannot be
// selected and has inferiors): what was to be renamed to it is copied instead, and then goes where it is.
bool give_up_rename(plan::FolderPlan& plan, const std::vector<ConfirmedRename>& confirmed,
                    const RefusedRename& refused) {
  if (refused.reply.code != "ALREADYEXISTS" && refused.reply.code != "CANNOT") return false;
  const auto one = std::find_if(confirmed.begin(), confirmed.end(),
                                [&](const auto& c) { return c.to == refused.step.to; });
  if (one == confirmed.end()) return false;
  const auto candidate = std::find_if(plan.renamed.begin(), plan.renamed.end(),
                                      [&](const auto& c) { return c.row.id == one->record.id; });
  std::vector<plan::RenameCandidate> rejected{*candidate};
  plan.renamed.erase(candidate);
  plan::reject_renames(plan, std::move(rejected));
  return true;
}

}  // namespace

Task<bool> confirm_rename(Pass& pass, const plan::RenameCandidate& candidate) {
  if (candidate.sure) co_return true;
  const db::FolderKey key{candidate.row.id, candidate.row.source_uidvalidity, {}};
  const auto folders = co_await db::load_folders(pass.world.pool, pass.item.mailbox);
  const auto record =
      std::find_if(folders.begin(), folders.end(), [&](const auto& f) { return f.id == candidate.row.id; });
  if (record == folders.end()) co_return false;
  auto rows = co_await db::load_rows(pass.world.pool,
                                     {key.folder, record->source_uidvalidity, record->target_uidvalidity});
  if (rows.size() > 20) rows.erase(rows.begin(), rows.end() - 20);
  base::UidSet uids;
  std::map<base::Uid, const base::MapRow*> known;
  for (const auto& row : rows) {
    uids.add(row.source);
    known[row.source] = &row;
  }
  if (uids.empty()) co_return false;
  auto selected = co_await pass.source->select(candidate.now.name, true);
  if (!selected || selected->uidvalidity != record->source_uidvalidity) co_return false;
  imap::FetchWhat what;
  what.date = what.size = true;
  std::size_t agree = 0, differ = 0;
  const auto reply = co_await pass.source->fetch(uids, what, [&](const imap::MessageData& m) {
    if (!m.uid || !m.date || !known.contains(*m.uid)) return;
    (m.date->unix_seconds == known[*m.uid]->date ? agree : differ) += 1;
  });
  co_return reply.ok() && agree > 0 && differ == 0;
}

Task<imap::Reply> rename_on_target(Pass& pass, base::FolderId folder, const plan::RenameStep& rename) {
  const auto step = co_await pass.open_step(folder, "folder.rename", rename_detail(rename.from, rename.to));
  base::fault_point("folder.rename");
  co_await pass.ensure_permitted();
  auto reply = co_await pass.target->rename(rename.from, rename.to);
  if (!reply.ok()) {
    co_await db::close_step(pass.world.pool, step);
    co_return reply;
  }
  base::fault_point("folder.renamed");
  std::vector<db::FolderChange> renamed;
  renamed.push_back({"folder.renamed_on_target", rename.to, rename.from, rename.to});
  co_await db::save_folder_changes(pass.world.pool, pass.fence, step, std::move(renamed));
  co_return reply;
}

void move_on_target(Pass& pass, const plan::RenameStep& step) {
  const auto carry = [&](std::string& name) {
    if (name == step.from || plan::is_below(name, step.from, pass.target_delimiter))
      name = step.to + name.substr(step.from.size());
  };
  for (auto& folder : pass.on_target) carry(folder.name);
  for (auto& [id, place] : pass.places) carry(place);
}

Task<void> confirm_renames(Pass& pass, plan::FolderPlan& plan) {
  std::vector<plan::RenameCandidate> rejected;
  for (auto& candidate : std::exchange(plan.renamed, {}))
    (co_await confirm_rename(pass, candidate) ? plan.renamed : rejected).push_back(candidate);
  plan::reject_renames(plan, std::move(rejected));
}

Task<std::vector<FolderPair>> settle_renames(Pass& pass, plan::FolderPlan& plan, RecordsById& records) {
  std::vector<FolderPair> pairs;
  for (;;) {
    const auto confirmed = with_names(pass, plan, records);
    if (pass.dry_run) {
      pass.counts.folders_renamed += confirmed.size();
      plan.renamed.clear();
      break;
    }
    auto moves =
        plan::plan_moves(moves_of(pass, plan, confirmed, records), holding_name, pass.target_delimiter);
    const auto refused = co_await run_renames(
        pass, moves.steps, confirmed.empty() ? base::FolderId{} : confirmed.front().record.id);
    if (refused && give_up_rename(plan, confirmed, *refused)) continue;
    if (refused) {
      pass.note_refusal(imap::failure_of(refused->reply, "RENAME", refused->step.from));
      leave_as_they_are(pass, plan);
      break;
    }
    add_carried(pass, plan, moves.changes);
    co_await save_names(pass, plan, records, moves.changes);
    pass.counts.folders_renamed += confirmed.size();
    for (const auto& one : confirmed) pairs.emplace_back(records.at(one.record.id), one.now);
    plan.renamed.clear();
    break;
  }
  for (const auto& [row, folder] : plan.kept) pairs.emplace_back(records.at(row.id), folder);
  co_return pairs;
}

}  // namespace mirror::engine
