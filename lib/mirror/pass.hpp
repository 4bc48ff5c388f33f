// SPDX-License-Identifier: Apache-2.0
#pragma once

// One pass over one mailbox: what its steps share. Private to the room. A pass lives in one coroutine.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "db/changes.hpp"
#include "db/ledger.hpp"
#include "db/records.hpp"
#include "mirror/folder_changes.hpp"
#include "mirror/plan/folder_plan.hpp"
#include "mirror/plan/greetings.hpp"
#include "mirror/plan/guard.hpp"
#include "mirror/plan/message_plan.hpp"
#include "mirror/plan/window.hpp"
#include "mirror/sessions.hpp"

namespace mirror::engine {

using base::Failure;
using base::Result;
using net::Task;

// What every part of the engine uses; owned by the daemon, outlives all of them.
struct World {
  db::Pool& pool;
  StoreBook& book;
  Sessions& sessions;
  const Settings& settings;
  const base::Clock& clock;
  FolderChanges folder_changes{};
};

struct FolderWork {
  db::FolderRecord row;
  plan::ListedFolder source;  // as listed when the pass began
  std::string source_status;  // STATUS texts from the start of the pass
  std::string target_status;
  std::uint64_t source_messages = 0;  // as the source's STATUS counts them
  plan::FolderView source_view;
  plan::FolderView target_view;
  std::optional<std::vector<std::string>> keeps;  // flags the target stores; nullopt: any
  std::vector<plan::MapRow> rows;
  plan::MessagePlan plan;
  std::vector<plan::Removal> removals;  // wanted, after everything was appended
  std::vector<db::Orphan> orphans;      // the same of copies mapped under an earlier source UIDVALIDITY
  base::UidSet unread;                  // asked for to be copied, and not given by the source
  bool target_exists = false;
  bool looked = false;
  bool wanted = true;              // to be looked at (again) in this pass
  bool complete = false;           // both sides were read completely
  std::size_t limit_refusals = 0;  // messages refused with [LIMIT] in this pass
  bool trouble = false;            // something is left to do: the checkpoint must not move

  db::FolderKey key() const { return {row.id, row.source_uidvalidity, row.target_uidvalidity}; }
  // After a change of ours: a store that loses it shows the status of before, which then proves nothing.
  void forget_target_status() { target_status.clear(); }
  bool wants_removals() const { return !removals.empty() || !orphans.empty(); }
};

struct PassCounts {
  std::uint64_t copied = 0, adopted = 0, octets = 0, flags = 0, removed = 0, held = 0, lost = 0, foreign = 0,
                unknown = 0;
  std::uint64_t folders_created = 0, folders_renamed = 0, folders_removed = 0, subscriptions = 0,
                quarantined = 0;
  std::uint64_t folders_looked = 0;
  std::uint64_t changes() const {
    return copied + adopted + flags + removed + lost + folders_created + folders_renamed + folders_removed +
           subscriptions;
  }
};

struct Pass {
  Pass(World& w, db::WorkItem i) : world(w), item(std::move(i)) {}
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  World& world;
  db::WorkItem item;
  std::shared_ptr<const db::LinkRecord> link;
  db::Fence fence;
  Borrowed source;
  Borrowed target;
  std::vector<db::FolderRecord> records;  // as they were when the pass began
  std::vector<FolderWork> folders;
  std::vector<plan::FolderRow> vanished;  // rows whose folder is gone from the source
  std::set<std::string> listed;           // every name the source listed when the pass began
  std::vector<plan::ListedFolder> on_target;
  std::map<std::string, bool> subscriptions;  // target name -> wanted; of names without a folder
  std::set<std::string> out_of_scope;         // target names that would be those of folders we leave alone
  char target_delimiter = '/';
  std::set<std::string> away;  // target names whose folder stands under another one for now
  std::map<base::FolderId, std::string>
      places;  // where the rows' folders stand on the target; missing: nowhere
  std::uint64_t folder_changes_noted = 0;
  std::vector<plan::Content> added;  // copied in this pass: the guard pairs deletions with them
  PassCounts counts;
  bool full = false;
  bool dry_run = false;
  bool unjudged = false;                // of some folder nothing can be said: its deletions are still to come
  bool again = false;                   // something moved under us: another pass soon
  bool again_full = false;              // ... and that one compares completely
  std::optional<Failure> soft_failure;  // of one folder; the rest went on
  base::BootTime permitted_at{};        // start of the last transaction that checked the fence

  // Law 7: a command that changes the target leaves only within send_within of the COMMIT that permitted it.
  bool may_send() const { return world.clock.now() - permitted_at < world.settings.send_within; }
  // A step row committed under the fence. What it permits counts from the moment before it was asked for: a
  // process may be stopped between the COMMIT and its answer.
  Task<db::StepId> open_step(base::FolderId folder, std::string kind, std::string detail);
  // To be asked before each command that changes the target: asks the fence again when the last permission is
  // too old to act on.
  Task<void> ensure_permitted();
  // Closes the target so that nothing withheld can leave, and throws.
  [[noreturn]] void too_late();
  void note(Failure failure) {
    if (!soft_failure) soft_failure = std::move(failure);
  }
  // ... of a command that was refused. Throws when the server wants a pause: nothing more is asked of it.
  void note_refusal(Failure failure) {
    if (failure.code() == "MRD-IMAP-019") throw base::Failed(std::move(failure));
    note(std::move(failure));
  }
};

// The steps, in the order of a pass; each in a source of its own.
// folder_lists.cpp: LIST both sides, plan names, create, rename, subscribe.
Task<void> gather_folders(Pass& pass);
Task<void> settle_subscriptions(Pass& pass);
// vanished.cpp: folders gone from the source, after all appends. plan_vanished leaves in pass.vanished those
// that are, by the source's own word, and puts their messages up for removal.
Task<void> plan_vanished(Pass& pass);
Task<void> remove_vanished(Pass& pass);
// look.cpp: EXAMINE and SELECT, views, plan. false: the folder is left for later.
Task<bool> look_at(Pass& pass, FolderWork& folder, bool complete);
// ... of a folder that is gone from the source: SELECT on the target, and in its plan what the map does not
// know. false: there is no such folder. Throws base::Failed when it cannot be read.
Task<bool> look_for_strangers(Pass& pass, FolderWork& folder);
Task<bool> source_grew(Pass& pass);
// witness.cpp: after a complete look, whether either side holds other messages than the map says
Task<bool> holds_others(Pass& pass, const FolderWork& folder);
// ... and what a copy has to know, with the same question to the source in the same command.
struct FactsAndWitness {
  std::vector<plan::CopyItem> items;
  bool another = false;
};
Task<FactsAndWitness> read_facts_and_witness(Pass& pass, FolderWork& folder, base::UidSet uids,
                                             plan::GreetingRule rule);
// adopt.cpp: open intents and strangers on the target, by the matcher.
Task<void> adopt(Pass& pass, FolderWork& folder);
// copy.cpp: windows of messages.
Task<void> copy_messages(Pass& pass, FolderWork& folder);
// flags.cpp
Task<void> apply_flags(Pass& pass, FolderWork& folder);
// expunge.cpp: what whoever removes from the target needs. select_for_removal: false when the folder is not
// the one of the map any more, which is noted. expunge_from: under a step the caller opened; which of them
// the target kept all the same, noted as trouble; nothing when it refused.
struct SizeAndDate {
  std::uint64_t size = 0;
  std::int64_t date = 0;
};
using TargetFacts = std::map<base::Uid, SizeAndDate>;
Task<bool> select_for_removal(Pass& pass, FolderWork& folder);
Task<TargetFacts> facts_on_target(Pass& pass, const FolderWork& folder, const base::UidSet& uids);
Task<std::optional<base::UidSet>> expunge_from(Pass& pass, FolderWork& folder, const base::UidSet& uids);
// removals.cpp: what a person set for the guard of this link; find_orphans fills folder.orphans, but for
// those held
plan::GuardLimits guard_limits(const db::LinkRecord& link);
Task<void> add_removed_lately(Pass& pass, plan::GuardInput& input);
Task<void> find_orphans(Pass& pass, FolderWork& folder);
Task<void> apply_removals(Pass& pass);
// foreign.cpp: the policy "remove"
Task<void> remove_foreign(Pass& pass);

std::string status_text(const std::optional<imap::FolderStatus>& status);

}  // namespace mirror::engine
