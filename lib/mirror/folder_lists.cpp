// SPDX-License-Identifier: Apache-2.0
// The folders of a mailbox: LIST on both sides, plan, rename, create, subscribe. Each change on the target is
// a step.

#include <map>

#include "base/fault.hpp"
#include "mirror/pass.hpp"
#include "net/both.hpp"

namespace mirror::engine {

namespace {

const std::set<std::string> k_special_use = {"\\archive", "\\drafts", "\\flagged",  "\\junk",
                                             "\\sent",    "\\trash",  "\\important"};

plan::ListedFolder listed_of(const imap::Folder& folder) {
  plan::ListedFolder out;
  out.name = folder.name;
  out.delimiter = folder.delimiter;
  out.subscribed = folder.subscribed;
  out.selectable = folder.selectable();
  for (const auto& attribute : folder.attributes)
    if (k_special_use.contains(attribute)) out.special_use = attribute;
  if (folder.status) {
    if (folder.status->uidvalidity) out.uidvalidity = *folder.status->uidvalidity;
    if (folder.status->uidnext) out.uidnext = *folder.status->uidnext;
    out.mailboxid = folder.status->mailboxid;
  }
  return out;
}

// Personal folders of the link's scope; shared and virtual ones are out unless asked for.
bool wanted(const Pass& pass, const imap::Folder& folder) {
  const Profile& profile = pass.source.store().profile;
  for (const auto& attribute : folder.attributes)
    if (profile.exclude_attributes.contains(attribute)) return false;
  return plan::in_scope(folder.name, {"*"}, profile.exclude_folders) &&
         plan::in_scope(folder.name, pass.link->folder_include, pass.link->folder_exclude);
}

plan::FolderRow plan_row(const db::FolderRecord& record) {
  return {record.id,
          record.source_name,
          record.target_name,
          record.source_uidvalidity,
          record.source_uidnext,
          record.mailboxid,
          record.mapped,
          record.subscribed};
}

bool is_greetings(const Pass& pass, const std::string& name) {
  const auto& masks = pass.source.store().profile.greeting_folders;
  return std::any_of(masks.begin(), masks.end(),
                     [&](const auto& mask) { return plan::glob_match(mask, name); });
}

// A rename that numbers alone suggest is confirmed by messages: the same UIDs with the same sizes and dates.
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

Failure folder_failure(const imap::Reply& reply, std::string_view command, const std::string& name) {
  return imap::failure_of(reply, command, name);
}

Task<bool> rename_on_target(Pass& pass, base::FolderId folder, const plan::RenameStep& rename) {
  const auto step = co_await db::open_step(pass.world.pool, pass.fence, folder, "folder.rename",
                                           fmt::format("{{\"to_folder_id\": {}}}", folder));
  pass.permit();
  base::fault_point("folder.rename");
  const auto reply = co_await pass.target->rename(rename.from, rename.to);
  if (!reply.ok()) {
    co_await db::close_step(pass.world.pool, step);
    pass.note(folder_failure(reply, "RENAME", rename.from));
    co_return false;
  }
  base::fault_point("folder.renamed");
  co_await db::save_folder_change(pass.world.pool, pass.fence, step, "folder.renamed_on_target", rename.to,
                                  rename.from, rename.to);
  co_return true;
}

plan::NameRules name_rules(const Pass& pass, const plan::ListedFolder& folder) {
  plan::NameRules rules;
  rules.source_delimiter = folder.delimiter;
  rules.target_delimiter = pass.target_delimiter;
  rules.refused = pass.target.store().profile.refused_characters;
  rules.refused_first = pass.target.store().profile.refused_first;
  return rules;
}

// A name that is free on the target: never one that another folder of this mailbox already uses.
std::string target_name_for(const Pass& pass, const plan::ListedFolder& folder) {
  const std::string base = plan::target_folder_name(folder.name, name_rules(pass, folder));
  std::string name = base;
  for (int n = 2;; ++n) {
    const bool used = std::any_of(pass.folders.begin(), pass.folders.end(),
                                  [&](const auto& f) { return f.row.target_name == name; });
    if (!used) return name;
    name = fmt::format("{}={:02X}", base, n);
  }
}

bool on_target(const Pass& pass, const std::string& name) {
  return std::any_of(pass.on_target.begin(), pass.on_target.end(),
                     [&](const auto& f) { return f.name == name && f.selectable; });
}

Task<bool> create_on_target(Pass& pass, FolderWork& folder) {
  const auto step = co_await db::open_step(pass.world.pool, pass.fence, folder.row.id, "folder.create", "{}");
  pass.permit();
  base::fault_point("folder.create");
  auto reply = co_await pass.target->create(folder.row.target_name, folder.source.special_use);
  const bool there = reply.ok() || reply.code == "ALREADYEXISTS";
  base::fault_point("folder.created");
  // What counts is what the server lists afterwards: some make another name than the one asked for.
  const auto status = co_await pass.target->status(folder.row.target_name);
  if (there && status) {
    co_await db::save_folder_change(pass.world.pool, pass.fence, step, "folder.created",
                                    folder.row.target_name, "", folder.row.target_name);
    ++pass.counts.folders_created;
    co_return true;
  }
  co_await db::close_step(pass.world.pool, step);
  const Failure failure = there ? Failure("MRD-MIR-004", folder.row.target_name)
                                : folder_failure(reply, "CREATE", folder.row.target_name);
  if (failure.scope() == base::Scope::store) throw base::Failed(failure);
  db::Quarantined row;
  row.folder = folder.row.id;
  row.folder_name = folder.row.source_name;
  row.kind = "folder";
  row.code = std::string(failure.code());
  row.wanted = folder.row.target_name;
  row.server_text = reply.text;
  std::vector<db::Quarantined> rows;
  rows.push_back(std::move(row));
  co_await db::quarantine(pass.world.pool, pass.item.mailbox, std::move(rows));
  ++pass.counts.quarantined;
  pass.note(failure);
  co_return false;
}

constexpr std::string_view k_parked = "mirrord-rename-";

const plan::ListedFolder* find_on_target(const Pass& pass, const std::string& name) {
  const auto found = std::find_if(pass.on_target.begin(), pass.on_target.end(),
                                  [&](const auto& f) { return f.name == name && f.selectable; });
  return found == pass.on_target.end() ? nullptr : &*found;
}

// Where a record's folder is now: a rename sent before a crash may be done, or stand half-way under a parked
// name.
std::string current_target_name(const Pass& pass, const db::FolderRecord& record, const std::string& wanted) {
  const auto is_it = [&](const plan::ListedFolder& f) {
    return f.selectable && base::raw(record.target_uidvalidity) != 0 &&
           f.uidvalidity == record.target_uidvalidity && f.uidnext >= record.target_uidnext;
  };
  const auto* there = find_on_target(pass, record.target_name);
  if (there != nullptr && is_it(*there)) return record.target_name;
  if (const auto* moved = find_on_target(pass, wanted); moved != nullptr && is_it(*moved)) return wanted;
  for (const auto& folder : pass.on_target)
    if (folder.name.starts_with(k_parked) && is_it(folder)) return folder.name;
  return record.target_name;
}

void move_on_target(Pass& pass, const plan::RenameStep& step) {
  const std::string children = step.from + pass.target_delimiter;
  for (auto& folder : pass.on_target) {
    if (folder.name == step.from)
      folder.name = step.to;
    else if (folder.name.starts_with(children))
      folder.name = step.to + folder.name.substr(step.from.size());
  }
}

struct Confirmed {
  db::FolderRecord record;
  plan::ListedFolder now;
  std::string to;
};

// A vanished folder whose name on the target is the goal of a rename makes room first.
std::vector<db::FolderRename> make_room(plan::FolderPlan& plan, const std::set<std::string>& goals,
                                        std::vector<plan::RenameStep>& steps) {
  std::vector<db::FolderRename> moved;
  for (auto& row : plan.vanished) {
    if (!goals.contains(row.target_name)) continue;
    const std::string holding = fmt::format("mirrord-leaving-{}", row.id);
    steps.push_back({row.target_name, holding});
    row.target_name = holding;
    row.source_name = holding;  // its old name belongs to another folder now
    moved.push_back({row.id, holding, holding});
  }
  return moved;
}

Task<bool> run_renames(Pass& pass, std::vector<plan::RenameStep> steps, base::FolderId first) {
  const auto parked = fmt::format("{}{}-", k_parked, pass.fence.epoch);
  for (const auto& step : plan::order_renames(std::move(steps), parked, pass.target_delimiter)) {
    if (!co_await rename_on_target(pass, first, step)) co_return false;
    move_on_target(pass, step);
  }
  co_return true;
}

// Confirms what names and numbers suggest; what messages do not confirm is delete and create.
Task<std::vector<Confirmed>> confirm_renames(Pass& pass, plan::FolderPlan& plan,
                                             const std::map<base::FolderId, db::FolderRecord>& records) {
  std::vector<Confirmed> confirmed;
  std::set<std::string> used;
  for (const auto& [row, folder] : plan.kept) used.insert(row.target_name);
  for (auto& candidate : std::exchange(plan.renamed, {})) {
    if (!co_await confirm_rename(pass, candidate)) {
      plan.vanished.push_back(candidate.row);
      plan.fresh.push_back(candidate.now);
      continue;
    }
    std::string to = plan::target_folder_name(candidate.now.name, name_rules(pass, candidate.now));
    while (!used.insert(to).second) to += "=02";
    confirmed.push_back({records.at(candidate.row.id), candidate.now, to});
  }
  co_return confirmed;
}

Task<void> settle_renames(Pass& pass, plan::FolderPlan& plan,
                          std::vector<std::pair<db::FolderRecord, plan::ListedFolder>>& pairs,
                          const std::map<base::FolderId, db::FolderRecord>& records) {
  auto confirmed = co_await confirm_renames(pass, plan, records);
  pass.counts.folders_renamed += confirmed.size();
  if (confirmed.empty() || pass.dry_run) co_return;
  std::vector<plan::RenameStep> steps;
  std::set<std::string> goals;
  for (const auto& one : confirmed) {
    steps.push_back({current_target_name(pass, one.record, one.to), one.to});
    goals.insert(one.to);
  }
  for (const auto& [row, folder] : plan.kept) steps.push_back({row.target_name, row.target_name});
  auto changes = make_room(plan, goals, steps);
  // A rename that fails leaves these folders alone for now; what was done is found by the next pass.
  if (!co_await run_renames(pass, std::move(steps), confirmed.front().record.id)) co_return;
  for (const auto& one : confirmed) changes.push_back({one.record.id, one.now.name, one.to});
  base::fault_point("folder.names_saved");
  co_await db::rename_folders(pass.world.pool, pass.fence, std::move(changes));
  for (auto& one : confirmed) {
    one.record.source_name = one.now.name;
    one.record.target_name = one.to;
    one.record.source_status.clear();
    pairs.emplace_back(std::move(one.record), one.now);
  }
}

Task<void> add_fresh(Pass& pass, const plan::ListedFolder& folder) {
  FolderWork work;
  work.source = folder;
  work.row.source_name = folder.name;
  work.row.target_name = target_name_for(pass, folder);
  work.row.special_use = folder.special_use;
  work.row.greetings = is_greetings(pass, folder.name);
  if (!pass.dry_run) work.row.id = co_await db::add_folder(pass.world.pool, pass.item.mailbox, work.row);
  pass.folders.push_back(std::move(work));
}

void remember_status(Pass& pass, const std::vector<imap::Folder>& source,
                     const std::vector<imap::Folder>& target) {
  std::map<std::string, const imap::Folder*> by_source, by_target;
  for (const auto& f : source) by_source[f.name] = &f;
  for (const auto& f : target) by_target[f.name] = &f;
  for (auto& folder : pass.folders) {
    if (const auto s = by_source.find(folder.source.name); s != by_source.end())
      folder.source_status = status_text(s->second->status);
    const auto t = by_target.find(folder.row.target_name);
    folder.target_exists = t != by_target.end() && t->second->selectable();
    if (folder.target_exists) folder.target_status = status_text(t->second->status);
  }
}

}  // namespace

Task<void> gather_folders(Pass& pass) {
  // Outside a selected folder: STATUS of the selected one may be stale.
  if (!pass.source->selected().empty()) co_await pass.source->unselect();
  if (!pass.target->selected().empty()) co_await pass.target->unselect();
  auto [source, target] = co_await net::both(pass.source->list(true), pass.target->list(true));
  if (!source) throw base::Failed(source.error());
  if (!target) throw base::Failed(target.error());
  const auto records = co_await db::load_folders(pass.world.pool, pass.item.mailbox);

  std::vector<plan::FolderRow> rows;
  std::map<base::FolderId, db::FolderRecord> by_id;
  for (const auto& record : records) {
    rows.push_back(plan_row(record));
    by_id[record.id] = record;
  }
  std::vector<plan::ListedFolder> in_scope;
  std::vector<plan::ListedFolder> excluded;
  for (const auto& folder : *source) {
    pass.listed.insert(folder.name);
    if (wanted(pass, folder)) {
      in_scope.push_back(listed_of(folder));
      continue;
    }
    // Not mirrored any more is not deleted: a folder that is listed but out of scope keeps its copy.
    std::erase_if(rows, [&](const auto& row) { return row.source_name == folder.name; });
    excluded.push_back(listed_of(folder));
  }
  for (const auto& folder : *target) {
    pass.on_target.push_back(listed_of(folder));
    if (folder.delimiter != 0) pass.target_delimiter = folder.delimiter;
  }
  for (const auto& folder : excluded)
    pass.out_of_scope.insert(plan::target_folder_name(folder.name, name_rules(pass, folder)));
  for (const auto& folder : in_scope)
    if (!folder.selectable && folder.subscribed)
      pass.subscriptions[plan::target_folder_name(folder.name, name_rules(pass, folder))] = true;

  plan::FolderPlan plan = plan::plan_folders(rows, in_scope);
  std::vector<std::pair<db::FolderRecord, plan::ListedFolder>> pairs;
  for (const auto& [row, folder] : plan.kept) pairs.emplace_back(by_id.at(row.id), folder);
  co_await settle_renames(pass, plan, pairs, by_id);
  for (auto& [record, folder] : pairs) {
    FolderWork work;
    work.row = std::move(record);
    work.row.greetings = is_greetings(pass, folder.name);
    work.source = folder;
    pass.folders.push_back(std::move(work));
  }
  for (const auto& folder : plan.fresh) co_await add_fresh(pass, folder);
  pass.vanished = std::move(plan.vanished);
  remember_status(pass, *source, *target);

  for (auto& folder : pass.folders) {
    if (folder.target_exists || on_target(pass, folder.row.target_name)) {
      folder.target_exists = true;
      continue;
    }
    if (pass.dry_run) {
      ++pass.counts.folders_created;
      continue;
    }
    // Refused before: asked again when the quarantine says so, and shown meanwhile.
    folder.target_exists = !folder.row.refused && co_await create_on_target(pass, folder);
    folder.trouble = folder.trouble || !folder.target_exists;
  }
}

namespace {

// A subscription outlives its folder; a server that takes none for a name without a folder gets one for a
// moment.
Task<imap::Reply> subscribe_without_folder(Pass& pass, std::string name) {
  auto reply = co_await pass.target->subscribe(name, true);
  if (reply.ok() || on_target(pass, name)) co_return reply;
  const auto created = co_await pass.target->create(name);
  if (!created.ok()) co_return reply;
  reply = co_await pass.target->subscribe(name, true);
  const auto removed = co_await pass.target->remove(name);
  co_return removed.ok() ? reply : removed;
}

Task<imap::Reply> change_subscription(Pass& pass, const plan::SubscriptionChange& change) {
  if (change.subscribe && pass.subscriptions.contains(change.target_name))
    co_return co_await subscribe_without_folder(pass, change.target_name);
  co_return co_await pass.target->subscribe(change.target_name, change.subscribe);
}

}  // namespace

Task<void> settle_subscriptions(Pass& pass) {
  auto wanted_by_target = pass.subscriptions;
  for (const auto& folder : pass.folders) wanted_by_target[folder.row.target_name] = folder.source.subscribed;
  for (const auto& change : plan::plan_subscriptions(wanted_by_target, pass.on_target, pass.out_of_scope)) {
    if (!pass.dry_run) {
      const auto step = co_await db::open_step(pass.world.pool, pass.fence, {}, "subscribe", "{}");
      pass.permit();
      const auto reply = co_await change_subscription(pass, change);
      if (!reply.ok()) {
        co_await db::close_step(pass.world.pool, step);
        // Some servers refuse to subscribe a name that has no folder: nothing is lost by that.
        if (!pass.subscriptions.contains(change.target_name))
          pass.note(folder_failure(reply, "SUBSCRIBE", change.target_name));
        continue;
      }
      co_await db::save_folder_change(pass.world.pool, pass.fence, step,
                                      change.subscribe ? "folder.subscribed" : "folder.unsubscribed",
                                      change.target_name, "", "");
    }
    ++pass.counts.subscriptions;
  }
}

}  // namespace mirror::engine
