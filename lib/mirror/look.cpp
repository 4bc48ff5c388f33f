// SPDX-License-Identifier: Apache-2.0
// Looking at a folder on both sides: EXAMINE on the source, SELECT on the target, and what to do about the
// difference.

#include "base/log.hpp"
#include "db/extras.hpp"
#include "mirror/folder_steps.hpp"
#include "net/both.hpp"

namespace mirror::engine {

namespace {

constexpr base::Uid k_first{1};
constexpr base::Uid k_last{4294967295u};  // never "*": "n:*" always names the last message

std::optional<imap::QresyncPoint> point_of(base::UidValidity uidvalidity, base::ModSeq modseq,
                                           bool complete) {
  if (complete || base::raw(uidvalidity) == 0 || base::raw(modseq) == 0) return std::nullopt;
  imap::QresyncPoint point;
  point.uidvalidity = uidvalidity;
  point.modseq = modseq;
  return point;
}

struct Seen {
  plan::FolderView view;
  std::optional<std::vector<std::string>> keeps;
};

void sort_by_uid(std::vector<plan::SeenMessage>& messages) {
  std::sort(messages.begin(), messages.end(), [](const auto& a, const auto& b) { return a.uid < b.uid; });
  messages.erase(std::unique(messages.begin(), messages.end(),
                             [](const auto& a, const auto& b) { return a.uid == b.uid; }),
                 messages.end());
}

// SELECT or EXAMINE, then flags of every message unless QRESYNC told the difference.
Task<Result<Seen>> view_folder(imap::Session& session, std::string name, bool read_only,
                               std::optional<imap::QresyncPoint> point) {
  const bool incremental = point && session.has(imap::Cap::qresync);
  auto selected = co_await session.select(name, read_only, incremental ? point : std::nullopt);
  if (!selected) co_return Result<Seen>(selected.error());
  Seen seen;
  seen.view.uidvalidity = selected->uidvalidity;
  seen.view.exists = selected->exists;
  seen.view.modseq = selected->highestmodseq;
  std::vector<plan::SeenMessage>& messages = seen.view.messages;
  if (incremental && selected->uidvalidity == point->uidvalidity && base::raw(selected->highestmodseq) != 0) {
    seen.view.vanished = selected->vanished;
    for (const auto& message : selected->changed)
      if (message.uid && message.flags) messages.push_back({*message.uid, *message.flags});
  } else {
    seen.view.complete = true;
    if (selected->exists > 0) {
      imap::FetchWhat what;
      const auto reply =
          co_await session.fetch(imap::UidSet::range(k_first, k_last), what, [&](const imap::MessageData& m) {
            if (m.uid && m.flags) messages.push_back({*m.uid, *m.flags});
          });
      if (!reply.ok()) co_return Result<Seen>(imap::failure_of(reply, "FETCH", name));
    }
  }
  sort_by_uid(messages);
  const auto highest = messages.empty() ? base::Uid{} : messages.back().uid;
  seen.view.uidnext = selected->uidnext ? *selected->uidnext : base::Uid{base::raw(highest) + 1};
  if (selected->permanent_flags_known && !selected->keywords_allowed)
    seen.keeps = selected->permanent_flags.words();
  co_return seen;
}

Task<bool> still_listed(imap::Session& session, std::string name) {
  const auto listed = co_await session.list(false);
  if (!listed) throw base::Failed(listed.error());
  co_return std::any_of(listed->begin(), listed->end(),
                        [&](const auto& f) { return f.name == name && f.selectable(); });
}

plan::FolderMemory memory_of(const db::FolderRecord& row) {
  plan::FolderMemory memory;
  memory.mapped = row.mapped;
  memory.extras = row.foreign + row.unknown;
  memory.extra_uids = row.extra_uids;
  // Known by now; while there is no memory they are strangers, to be matched with what the source has.
  if (row.memory) {
    memory.extras += row.orphans.count();
    for (const auto& [first, last] : row.orphans.ranges())
      memory.extra_uids.add(base::Uid{first}, base::Uid{last});
  }
  memory.quarantined = row.quarantined;
  memory.due = row.due;
  memory.held = row.held;
  return memory;
}

void name_uids(const plan::FolderView& view, base::UidSet& set) {
  set = view.vanished;
  for (const auto& message : view.messages) set.add(message.uid);
}

// Law 8: numbers below the checkpoint under the same UIDVALIDITY mean that the store went back in time.
bool went_back(const plan::FolderView& view, base::UidValidity uidvalidity, base::Uid uidnext,
               base::ModSeq modseq) {
  if (view.uidvalidity != uidvalidity) return false;
  if (view.uidnext < uidnext) return true;
  return base::raw(view.modseq) != 0 && view.modseq < modseq;
}

// A new pair of UIDVALIDITYs, or a store put back from an old copy: what was mapped is matched anew. When
// only the source's folder is another one, what is left over was mirrored by us and goes, guarded; else it is
// unknown, never deleted.
Task<void> start_memory(Pass& pass, FolderWork& folder, bool forget_all) {
  auto& row = folder.row;
  const bool first_contact = base::raw(row.target_uidvalidity) == 0 && base::raw(row.source_uidvalidity) == 0;
  const bool same_target = row.target_uidvalidity == folder.target_view.uidvalidity;
  if (!first_contact) {
    if (same_target && !forget_all)
      co_await db::orphan_messages(pass.world.pool, pass.fence, row.id, folder.source_view.uidvalidity);
    else
      co_await db::forget_messages(pass.world.pool, pass.fence, row.id,
                                   forget_all ? base::UidValidity{} : folder.source_view.uidvalidity,
                                   folder.target_view.uidvalidity);
    co_await db::add_event(pass.world.pool, "folder.uidvalidity_changed", "warning", "", pass.item.name,
                           fmt::format("{{\"folder_id\": {}}}", row.id));
  }
  row.source_uidvalidity = folder.source_view.uidvalidity;
  row.target_uidvalidity = folder.target_view.uidvalidity;
  row.source_uidnext = {};
  row.target_uidnext = {};
  row.source_modseq = {};
  row.target_modseq = {};
  row.witness = {};
  row.memory = folder.target_view.exists == 0;  // an empty target has nothing that could be unknown
  row.mapped = row.foreign = row.unknown = row.open_intents = 0;
  row.extra_uids = row.quarantined = row.due = row.held = row.released = row.orphans = row.tried =
      row.tried_again = {};
  co_await db::set_target_identity(pass.world.pool, pass.fence, row.id, row.source_uidvalidity,
                                   row.target_uidvalidity, row.memory);
  if (first_contact || forget_all || !same_target) co_return;
  // A source that is what it was before has what waited then, under the same numbers.
  for (auto& record : co_await db::load_folders(pass.world.pool, pass.item.mailbox)) {
    if (record.id != row.id) continue;
    row.held = std::move(record.held);
    row.released = std::move(record.released);
  }
}

void log_identity(const Pass& pass, const FolderWork& folder, bool back) {
  const auto& row = folder.row;
  if (base::raw(row.source_uidvalidity) == 0) return;
  const auto numbers = [](auto uidvalidity, auto uidnext, auto modseq) {
    return fmt::format("{}/{}/{}", uidvalidity, uidnext, modseq);
  };
  base::log::warning("folder.identity", back ? "a folder went back in time" : "a folder was made anew",
                     {{"mailbox", pass.item.name},
                      {"folder", folder.source.name},
                      {"code", back ? "MRD-MIR-010" : "MRD-MIR-009"},
                      {"source_was", numbers(row.source_uidvalidity, row.source_uidnext, row.source_modseq)},
                      {"source_is", numbers(folder.source_view.uidvalidity, folder.source_view.uidnext,
                                            folder.source_view.modseq)},
                      {"target_was", numbers(row.target_uidvalidity, row.target_uidnext, row.target_modseq)},
                      {"target_is", numbers(folder.target_view.uidvalidity, folder.target_view.uidnext,
                                            folder.target_view.modseq)}});
}

Task<void> load_and_plan(Pass& pass, FolderWork& folder) {
  const bool complete = folder.source_view.complete || folder.target_view.complete;
  if (complete) {
    folder.rows = co_await db::load_rows(pass.world.pool, folder.key());
  } else {
    base::UidSet source, target;
    name_uids(folder.source_view, source);
    name_uids(folder.target_view, target);
    folder.rows =
        co_await db::load_rows_of(pass.world.pool, folder.key(), std::move(source), std::move(target));
  }
  folder.plan = plan::plan_messages(folder.source_view, folder.target_view, folder.rows,
                                    memory_of(folder.row), folder.keeps);
}

// Extras that left the target need no memory any more.
Task<void> forget_gone_extras(Pass& pass, FolderWork& folder) {
  if (folder.row.extra_uids.empty()) co_return;
  const auto known = folder.row.extra_uids.expand(1'000'000);
  if (!known) co_return;
  std::set<base::Uid> present;
  for (const auto& message : folder.target_view.messages) present.insert(message.uid);
  base::UidSet gone, left;
  for (const auto uid : *known) {
    const bool is_gone =
        folder.target_view.complete ? !present.contains(uid) : folder.target_view.vanished.contains(uid);
    (is_gone ? gone : left).add(uid);
  }
  if (gone.empty()) co_return;
  co_await db::drop_extras(pass.world.pool, folder.key(), gone);
  // Planning needs their number only, not which kind they are.
  folder.row.extra_uids = left;
  folder.row.foreign = left.count();
  folder.row.unknown = 0;
}

}  // namespace

std::string status_text(const std::optional<imap::FolderStatus>& status) {
  if (!status || !status->uidvalidity || !status->uidnext || !status->messages || !status->highestmodseq)
    return {};
  return fmt::format("{} {} {} {}", *status->uidvalidity, *status->uidnext, *status->messages,
                     *status->highestmodseq);
}

Task<bool> look_at(Pass& pass, FolderWork& folder, bool complete) {
  auto& row = folder.row;
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto [source, target] =
        co_await net::both(view_folder(*pass.source, folder.source.name, true,
                                       point_of(row.source_uidvalidity, row.source_modseq, complete)),
                           view_folder(*pass.target, row.target_name, false,
                                       point_of(row.target_uidvalidity, row.target_modseq, complete)));
    if (!source || !target) {
      const Failure& failure = !source ? source.error() : target.error();
      if (failure.scope() == base::Scope::store || failure.scope() == base::Scope::process)
        throw base::Failed(failure);
      folder.trouble = true;
      if (!source && !co_await still_listed(*pass.source, folder.source.name))
        pass.again = true;  // renamed or deleted since the LIST: the next pass sees where it is
      else
        pass.note(failure);
      co_return false;
    }
    folder.source_view = std::move(source->view);
    folder.target_view = std::move(target->view);
    folder.keeps = std::move(target->keeps);
    folder.looked = true;
    ++pass.counts.folders_looked;
    const bool back =
        went_back(folder.source_view, row.source_uidvalidity, row.source_uidnext, row.source_modseq) ||
        went_back(folder.target_view, row.target_uidvalidity, row.target_uidnext, row.target_modseq);
    const bool changed = folder.source_view.uidvalidity != row.source_uidvalidity ||
                         folder.target_view.uidvalidity != row.target_uidvalidity;
    if (back || changed) {
      if (pass.dry_run) co_return true;
      log_identity(pass, folder, back);
      co_await start_memory(pass, folder, back && !changed);
    }
    // We changed it after its checkpoint, and it shows the numbers of before.
    const bool undone = row.target_status.empty() && base::raw(row.target_modseq) != 0 &&
                        folder.target_view.modseq <= row.target_modseq;
    if (!row.memory || changed || back || undone) complete = true;
    if (complete && !(folder.source_view.complete && folder.target_view.complete)) continue;
    co_await forget_gone_extras(pass, folder);
    co_await load_and_plan(pass, folder);
    if (!folder.plan.look_closer_at_source && !folder.plan.look_closer_at_target) {
      if (attempt > 0 || !pass.full || pass.dry_run || !row.memory || !co_await holds_others(pass, folder))
        break;
      log_identity(pass, folder, true);
      co_await start_memory(pass, folder, true);
    }
    complete = true;
  }
  folder.complete = folder.source_view.complete && folder.target_view.complete;
  if (folder.plan.look_closer_at_source || folder.plan.look_closer_at_target) {
    // Even the complete lists do not add up: it changes as we look. Nothing is concluded from that.
    folder.trouble = true;
    if (pass.full)
      pass.note(Failure("MRD-MIR-007", folder.source.name));
    else
      pass.again = pass.again_full = true;
    co_return false;
  }
  co_return true;
}

Task<bool> look_for_strangers(Pass& pass, FolderWork& folder) {
  if (find_on_target(pass, folder.row.target_name) == nullptr) co_return false;
  const auto status = co_await pass.target->status(folder.row.target_name);
  if (folder.row.open_intents == 0 && status && status->messages &&
      *status->messages == folder.row.mapped + folder.row.extra_uids.count() + folder.row.orphans.count())
    co_return false;  // as many as we know of
  auto target = co_await view_folder(*pass.target, folder.row.target_name, false, std::nullopt);
  if (!target) throw base::Failed(target.error());
  if (target->view.uidvalidity != folder.row.target_uidvalidity) co_return false;
  folder.target_view = std::move(target->view);
  base::UidSet known = folder.row.extra_uids;
  for (const auto& [first, last] : folder.row.orphans.ranges()) known.add(base::Uid{first}, base::Uid{last});
  for (const auto& row : co_await db::load_rows(pass.world.pool, folder.key())) known.add(row.target);
  for (const auto& message : folder.target_view.messages)
    if (!known.contains(message.uid)) folder.plan.strangers.add(message.uid);
  co_return true;
}

Task<bool> source_grew(Pass& pass) {
  const auto listed = co_await pass.source->list(true);
  if (!listed) throw base::Failed(listed.error());
  bool grew = false;
  for (auto& folder : pass.folders) {
    if (folder.source.name.empty()) continue;
    const auto found = std::find_if(listed->begin(), listed->end(),
                                    [&](const auto& f) { return f.name == folder.source.name; });
    if (found == listed->end() || !found->status || !found->status->uidnext) continue;
    const auto scanned = folder.looked ? folder.source_view.uidnext : folder.source.uidnext;
    if (*found->status->uidnext > scanned) {
      folder.wanted = true;  // before anything is removed anywhere
      grew = true;
    }
  }
  // A folder that appeared since the first LIST may hold what was moved: the next pass sees it before
  // removing.
  for (const auto& folder : *listed)
    grew = grew || (folder.selectable() && !pass.listed.contains(folder.name));
  co_return grew;
}

}  // namespace mirror::engine
