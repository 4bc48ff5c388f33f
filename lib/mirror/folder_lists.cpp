// SPDX-License-Identifier: Apache-2.0
// The folders of a mailbox: LIST on both sides, plan, rename, create, subscribe. Each change on the target is
// a step.

#include <map>

#include "base/fault.hpp"
#include "db/quarantine.hpp"
#include "mirror/folder_steps.hpp"
#include "mirror/step_detail.hpp"
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

bool is_greetings(const Pass& pass, const std::string& name) {
  const auto& masks = pass.source.store().profile.greeting_folders;
  return std::any_of(masks.begin(), masks.end(),
                     [&](const auto& mask) { return plan::glob_match(mask, name); });
}

// A name that is free on the target: never one that another folder of this mailbox already uses.
std::string target_name_for(const Pass& pass, const plan::ListedFolder& folder) {
  const std::string base = plan::target_folder_name(folder.name, name_rules(pass, folder));
  std::string name = base;
  for (int n = 2;; ++n) {
    const bool used = std::any_of(pass.folders.begin(), pass.folders.end(),
                                  [&](const auto& f) { return f.row.target_name == name; }) ||
                      std::any_of(pass.records.begin(), pass.records.end(),
                                  [&](const auto& r) { return r.target_name == name; });
    if (!used) return name;
    name = fmt::format("{}={:02X}", base, n);
  }
}

Task<void> refused(Pass& pass, FolderWork& folder, const Failure& failure, std::string server_text) {
  if (failure.scope() == base::Scope::store) throw base::Failed(failure);
  db::Quarantined row;
  row.folder = folder.row.id;
  row.folder_name = folder.row.source_name;
  row.kind = "folder";
  row.code = std::string(failure.code());
  row.wanted = folder.row.target_name;
  row.server_text = std::move(server_text);
  std::vector<db::Quarantined> rows;
  rows.push_back(std::move(row));
  co_await db::quarantine(pass.world.pool, pass.item.mailbox, std::move(rows));
  ++pass.counts.quarantined;
  folder.trouble = true;
  pass.note(failure);
}

// One step for all of them. What counts is what the server lists afterwards: some make another name than the
// one asked for.
Task<void> create_on_target(Pass& pass, std::vector<FolderWork*> missing) {
  if (missing.empty()) co_return;
  std::vector<std::string> names;
  for (const auto* folder : missing) names.push_back(folder->row.target_name);
  const auto step = co_await pass.open_step({}, "folder.create", folders_detail(names));
  base::fault_point("folder.create");
  std::vector<imap::Reply> replies;
  for (const auto* folder : missing) {
    co_await pass.ensure_permitted();
    replies.push_back(co_await pass.target->create(folder->row.target_name, folder->source.special_use));
    base::fault_point("folder.created");
  }
  const auto listed = co_await pass.target->list(false);
  if (!listed) throw base::Failed(listed.error());
  std::set<std::string> there;
  for (const auto& folder : *listed)
    if (folder.selectable()) there.insert(folder.name);
  std::vector<db::FolderChange> made;
  for (auto* folder : missing) {
    const auto& name = folder->row.target_name;
    folder->target_exists = there.contains(name);
    if (folder->target_exists) made.push_back({"folder.created", name, "", name});
  }
  pass.counts.folders_created += made.size();
  co_await db::save_folder_changes(pass.world.pool, pass.fence, step, std::move(made));
  for (std::size_t i = 0; i < missing.size(); ++i) {
    if (missing[i]->target_exists) continue;
    const auto& name = missing[i]->row.target_name;
    const bool agreed = replies[i].ok() || replies[i].code == "ALREADYEXISTS";
    co_await refused(pass, *missing[i],
                     agreed ? Failure("MRD-MIR-004", name) : imap::failure_of(replies[i], "CREATE", name),
                     replies[i].text);
  }
}

FolderWork fresh_work(const Pass& pass, const plan::ListedFolder& folder) {
  FolderWork work;
  work.source = folder;
  work.row.source_name = folder.name;
  work.row.target_name = target_name_for(pass, folder);
  work.row.special_use = folder.special_use;
  work.row.greetings = is_greetings(pass, folder.name);
  return work;
}

// Whoever made or removed them, or took them out of scope.
Task<void> release_settled(Pass& pass, const std::vector<plan::ListedFolder>& in_scope) {
  std::vector<std::string> on_source, on_target;
  for (const auto& folder : in_scope) on_source.push_back(folder.name);
  for (const auto& folder : pass.on_target)
    if (folder.selectable) on_target.push_back(folder.name);
  co_await db::release_settled_folders(pass.world.pool, pass.item.mailbox, std::move(on_source),
                                       std::move(on_target));
}

void remember_status(Pass& pass, const std::vector<imap::Folder>& source,
                     const std::vector<imap::Folder>& target) {
  std::map<std::string, const imap::Folder*> by_source, by_target;
  for (const auto& f : source) by_source[f.name] = &f;
  for (const auto& f : target) by_target[f.name] = &f;
  for (auto& folder : pass.folders) {
    if (const auto s = by_source.find(folder.source.name); s != by_source.end()) {
      folder.source_status = status_text(s->second->status);
      if (s->second->status) folder.source_messages = s->second->status->messages.value_or(0);
    }
    const auto t = by_target.find(folder.row.target_name);
    folder.target_exists = t != by_target.end() && t->second->selectable();
    if (folder.target_exists) folder.target_status = status_text(t->second->status);
  }
}

// Not mirrored any more is not deleted, under another name either: a folder that went out of scope by its
// rename keeps its copy, and its row.
Task<void> spare_excluded(Pass& pass, plan::FolderPlan& plan,
                          const std::vector<plan::ListedFolder>& excluded) {
  for (const auto& row : std::exchange(plan.vanished, {})) {
    bool spared = false;
    for (const auto& folder : excluded) {
      const bool told = !row.mailboxid.empty() && !folder.mailboxid.empty();
      const bool alike = base::raw(row.source_uidvalidity) != 0 &&
                         row.source_uidvalidity == folder.uidvalidity && folder.uidnext >= row.source_uidnext;
      if (told ? row.mailboxid != folder.mailboxid : !alike) continue;
      spared = told || co_await confirm_rename(pass, {row, folder, false});
      if (spared) break;
    }
    if (!spared) plan.vanished.push_back(row);
  }
}

// Folders that are new to us. A name that a row still owns (its rename could not be made now) waits for the
// next pass: two folders in one row would be taken for each other.
Task<void> add_fresh(Pass& pass, const plan::FolderPlan& plan) {
  const std::size_t first = pass.folders.size();
  std::vector<db::FolderRecord> rows;
  for (const auto& folder : plan.fresh) {
    const bool owned = std::any_of(plan.renamed.begin(), plan.renamed.end(),
                                   [&](const auto& one) { return one.row.source_name == folder.name; });
    if (owned) {
      pass.again = true;
      continue;
    }
    pass.folders.push_back(fresh_work(pass, folder));
    rows.push_back(pass.folders.back().row);
  }
  if (rows.empty() || pass.dry_run) co_return;
  const auto ids = co_await db::add_folders(pass.world.pool, pass.item.mailbox, std::move(rows));
  for (std::size_t i = 0; i < ids.size(); ++i) pass.folders[first + i].row.id = ids[i];
}

}  // namespace

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

plan::NameRules name_rules(const Pass& pass, const plan::ListedFolder& folder) {
  plan::NameRules rules;
  rules.source_delimiter = folder.delimiter;
  rules.target_delimiter = pass.target_delimiter;
  rules.refused = pass.target.store().profile.refused_characters;
  rules.refused_first = pass.target.store().profile.refused_first;
  return rules;
}

const plan::ListedFolder* find_on_target(const Pass& pass, const std::string& name) {
  const auto found = std::find_if(pass.on_target.begin(), pass.on_target.end(),
                                  [&](const auto& f) { return f.name == name && f.selectable; });
  return found == pass.on_target.end() ? nullptr : &*found;
}

Task<void> gather_folders(Pass& pass) {
  // Outside a selected folder: STATUS of the selected one may be stale.
  if (!pass.source->selected().empty()) co_await pass.source->unselect();
  if (!pass.target->selected().empty()) co_await pass.target->unselect();
  auto [source, target] = co_await net::both(pass.source->list(true), pass.target->list(true));
  if (!source) throw base::Failed(source.error());
  if (!target) throw base::Failed(target.error());

  std::vector<plan::FolderRow> rows;
  RecordsById by_id;
  for (const auto& record : pass.records) {
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
  if (!pass.dry_run) co_await restore_holding_names(pass);
  co_await find_places(pass);
  for (const auto& folder : excluded)
    pass.out_of_scope.insert(plan::target_folder_name(folder.name, name_rules(pass, folder)));
  for (const auto& folder : in_scope)
    if (!folder.selectable && folder.subscribed)
      pass.subscriptions[plan::target_folder_name(folder.name, name_rules(pass, folder))] = true;

  plan::FolderPlan plan = plan::plan_folders(rows, in_scope);
  co_await confirm_renames(pass, plan);
  plan::follow_parents(plan);
  co_await spare_excluded(pass, plan, excluded);
  for (auto& [record, folder] : co_await settle_renames(pass, plan, by_id)) {
    FolderWork work;
    work.row = std::move(record);
    work.row.greetings = is_greetings(pass, folder.name);
    work.source = folder;
    pass.folders.push_back(std::move(work));
  }
  co_await add_fresh(pass, plan);
  pass.vanished = std::move(plan.vanished);
  remember_status(pass, *source, *target);

  std::vector<FolderWork*> missing;
  for (auto& folder : pass.folders) {
    const bool away = pass.away.contains(folder.row.target_name);
    folder.target_exists =
        !away && (folder.target_exists || find_on_target(pass, folder.row.target_name) != nullptr);
    if (folder.target_exists) continue;
    // Refused before: asked again when the quarantine says so, and shown meanwhile. Away: it is there, so a
    // new one would have its messages twice.
    pass.unjudged = pass.unjudged || away;
    if (folder.row.refused || away)
      folder.trouble = true;
    else
      missing.push_back(&folder);
  }
  if (pass.dry_run)
    pass.counts.folders_created += missing.size();
  else
    co_await create_on_target(pass, std::move(missing));
  if (pass.full && !pass.dry_run) co_await release_settled(pass, in_scope);
}

}  // namespace mirror::engine
