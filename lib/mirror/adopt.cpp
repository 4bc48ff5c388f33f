// SPDX-License-Identifier: Apache-2.0
// Adopt before append (law 3): every message on the target that the map does not know is compared, by digest,
// with what we may have sent; what matches enters the map, what we sent twice is removed, the rest is foreign
// or unknown.

#include "base/fault.hpp"
#include "db/extras.hpp"
#include "mirror/digests.hpp"
#include "mirror/facts.hpp"
#include "mirror/pass.hpp"
#include "mirror/plan/matcher.hpp"
#include "mirror/quarantine.hpp"

namespace mirror::engine {

namespace {

struct Candidates {
  std::map<base::Uid, plan::CopyItem> facts;  // on the target, by target UID
  std::map<base::Uid, BodyDigests> digests;
};

struct Wanted {
  std::map<base::Uid, plan::CopyItem> facts;  // by source UID
  std::map<base::Uid, BodyDigests> digests;
  std::map<base::Uid, db::Intent> intents;  // open ones
  std::vector<plan::Contender> contenders;
};

std::vector<base::Uid> members(const base::UidSet& set) {
  const auto uids = set.expand(10'000'000);
  return uids ? *uids : std::vector<base::Uid>{};
}

Task<Candidates> read_candidates(Pass& pass, const base::UidSet& strangers) {
  Candidates out;
  for (auto& item : co_await read_facts(*pass.target, strangers)) out.facts[item.source] = std::move(item);
  out.digests = co_await read_digests(*pass.target, strangers);
  co_return out;
}

// A stranger below the last checkpoint was known then, or came beside a copy of ours: a row of the map may be
// lost. What is to be copied and could be that message is read before it is sent a second time.
Task<base::UidSet> maybe_unmapped(Pass& pass, const FolderWork& folder, const Candidates& present) {
  std::set<std::pair<std::uint64_t, std::int64_t>> known;
  for (const auto& [uid, facts] : present.facts)
    if (uid < folder.row.target_uidnext) known.emplace(facts.size, facts.date.unix_seconds);
  base::UidSet out;
  if (known.empty() || folder.plan.copy.empty()) co_return out;
  for (const auto& item : co_await read_facts(*pass.source, base::UidSet::of(folder.plan.copy)))
    if (known.contains({item.size, item.date.unix_seconds})) out.add(item.source);
  co_return out;
}

// With memory only what has an open intent, or lost its row, can be ours; without, every source message that
// is not mapped.
Task<Wanted> read_wanted(Pass& pass, FolderWork& folder, const Candidates& present,
                         const std::vector<db::Intent>& intents) {
  Wanted wanted;
  const bool gone = folder.source.name.empty();  // nothing to read there: the ledger alone knows
  base::UidSet to_read =
      folder.row.memory && !gone ? co_await maybe_unmapped(pass, folder, present) : base::UidSet{};
  for (const auto& intent : intents)
    if (intent.state == "open") {
      wanted.intents[intent.source] = intent;
      if (folder.row.memory && !gone) to_read.add(intent.source);
    }
  if (!folder.row.memory)
    for (const auto uid : folder.plan.copy) to_read.add(uid);
  if (!to_read.empty()) {
    const auto rule = folder.row.greetings ? plan::GreetingRule{} : pass.source.store().profile.greeting_rule;
    for (auto& item : co_await read_facts(*pass.source, to_read, rule))
      wanted.facts[item.source] = std::move(item);
    wanted.digests = co_await read_digests(*pass.source, to_read);
  }
  for (const auto& [uid, digests] : wanted.digests) {
    const auto facts = wanted.facts.find(uid);
    const bool known = facts != wanted.facts.end();
    wanted.contenders.push_back({uid, known ? facts->second.flags : base::FlagSet{}, digests.digest,
                                 digests.canonical, known ? facts->second.date.unix_seconds : 0});
  }
  // Sent, and gone from the source since: the ledger still knows the digest.
  for (const auto& [uid, intent] : wanted.intents)
    if (!wanted.digests.contains(uid) && intent.digest)
      wanted.contenders.push_back({uid, {}, *intent.digest, *intent.digest, intent.date.unix_seconds});
  co_return wanted;
}

db::Intent intent_for(const Wanted& wanted, base::Uid source, const plan::CopyItem& on_target,
                      bool greeting) {
  db::Intent intent;
  if (const auto open = wanted.intents.find(source); open != wanted.intents.end()) intent = open->second;
  intent.source = source;
  intent.greeting = greeting;
  intent.flags = on_target.flags;  // what the copy has; the flags plan makes it equal
  if (const auto facts = wanted.facts.find(source); facts != wanted.facts.end()) {
    intent.date = facts->second.date;
    intent.size = facts->second.size;
    intent.message_id_hash = facts->second.message_id_hash;
    intent.greeting = greeting || facts->second.greeting;
  }
  if (const auto digests = wanted.digests.find(source); digests != wanted.digests.end()) {
    intent.digest = digests->second.digest;
    intent.length = digests->second.length;
  }
  return intent;
}

// A send whose digest never reached the ledger and whose source is gone: equal size, date and Message-ID
// decide.
void match_by_facts(const Wanted& wanted, const Candidates& present, plan::Match& match) {
  for (const auto& [uid, intent] : wanted.intents) {
    if (intent.digest || wanted.digests.contains(uid)) continue;
    const auto found =
        std::find_if(match.strangers.begin(), match.strangers.end(), [&](const base::Uid target) {
          const auto facts = present.facts.find(target);
          return facts != present.facts.end() && facts->second.size == intent.size &&
                 facts->second.date == intent.date && facts->second.message_id_hash == intent.message_id_hash;
        });
    if (found == match.strangers.end()) continue;
    match.pairs.push_back({uid, *found, true});
    match.strangers.erase(found);
  }
}

Task<void> save_pairs(Pass& pass, FolderWork& folder, const Wanted& wanted, const Candidates& present,
                      const plan::Match& match, base::Uid floor) {
  db::WindowResult result;
  result.folder_name = folder.row.target_name;
  result.mailbox_name = pass.item.name;
  result.target_uidnext = floor;
  std::set<base::Uid> paired;
  std::vector<db::Quarantined> altered;
  for (const auto& pair : match.pairs) {
    const auto facts = present.facts.find(pair.target);
    if (facts == present.facts.end()) continue;
    db::Stored stored;
    stored.intent = intent_for(wanted, pair.source, facts->second, folder.row.greetings);
    stored.target = pair.target;
    stored.adopted = true;
    const auto tell = [&](std::string wanted_text, std::string got) {
      altered.push_back(quarantine_row(folder, pair.source, "altered", Failure("MRD-MIR-001", ""), ""));
      altered.back().wanted = std::move(wanted_text);
      altered.back().got = std::move(got);
    };
    if (!pair.exact) {
      stored.target_digest = present.digests.at(pair.target).digest;
      tell(stored.intent.digest ? base::to_hex(*stored.intent.digest) : "",
           base::to_hex(*stored.target_digest));
    } else if (stored.intent.date.unix_seconds != facts->second.date.unix_seconds) {
      tell(fmt::format("{} octets, {}", facts->second.size, stored.intent.date.text()),
           fmt::format("{} octets, {}", facts->second.size, facts->second.date.text()));
    }
    stored.target_size = facts->second.size;
    stored.target_date = facts->second.date.unix_seconds;
    paired.insert(pair.source);
    result.stored.push_back(std::move(stored));
  }
  for (const auto& [uid, intent] : wanted.intents)
    if (!paired.contains(uid)) result.absent.push_back(intent.id);
  pass.counts.adopted += result.stored.size();
  base::fault_point("adopt.save");
  co_await db::save_window(pass.world.pool, pass.fence, folder.key(), std::move(result));
  pass.counts.quarantined += altered.size();
  co_await db::quarantine(pass.world.pool, pass.item.mailbox, std::move(altered));
}

// Law 3, late copies: surplus is removed only when the ledger shows a send of that digest and date with no
// UID accounted for. One that stays is no foreign message: it is tried again.
Task<void> remove_late_copy(Pass& pass, FolderWork& folder, base::Uid target, const db::Intent& intent) {
  base::UidSet one;
  one.add(target);
  const auto step = co_await pass.open_step(folder.row.id, "expunge", "{\"late_copy\": true}");
  const auto kept = co_await expunge_from(pass, folder, one);
  co_await db::close_step(pass.world.pool, step);
  if (!kept || !kept->empty()) co_return;
  co_await db::spend_late_copy(pass.world.pool, pass.fence, folder.key(), intent.id, target,
                               folder.row.target_name);
  ++pass.counts.removed;
}

// Ours, of a folder that was under this name: what is not wanted again goes.
Task<base::UidSet> orphans_of(Pass& pass, const FolderWork& folder) {
  base::UidSet out;
  for (const auto& orphan : co_await db::load_orphans(pass.world.pool, folder.key()))
    out.add(orphan.row.target);
  co_return out;
}

Task<void> settle_strangers(Pass& pass, FolderWork& folder, const Candidates& present,
                            const base::UidSet& orphans, std::vector<db::Intent> absent,
                            const std::vector<base::Uid>& strangers) {
  std::vector<db::Extra> extras;
  for (const auto target : strangers) {
    if (orphans.contains(target)) continue;  // ours, of a folder that is gone: removals.cpp decides
    const auto digests = present.digests.find(target);
    const auto facts = present.facts.find(target);
    if (digests == present.digests.end() || facts == present.facts.end()) continue;  // gone meanwhile
    const auto late = std::find_if(absent.begin(), absent.end(), [&](const auto& intent) {
      return intent.digest == digests->second.digest &&
             intent.date.unix_seconds == facts->second.date.unix_seconds;
    });
    if (late != absent.end()) {
      co_await remove_late_copy(pass, folder, target, *late);
      absent.erase(late);
      continue;
    }
    extras.push_back({target, !folder.row.memory, facts->second.size, facts->second.date.unix_seconds,
                      digests->second.digest});
  }
  (folder.row.memory ? pass.counts.foreign : pass.counts.unknown) += extras.size();
  for (const auto& extra : extras) folder.row.extra_uids.add(extra.target);
  (folder.row.memory ? folder.row.foreign : folder.row.unknown) += extras.size();
  co_await db::save_extras(pass.world.pool, pass.fence, folder.key(), std::move(extras),
                           folder.target_view.uidnext);
}

}  // namespace

Task<void> adopt(Pass& pass, FolderWork& folder) {
  const auto strangers = members(folder.plan.strangers);
  if (strangers.empty() && folder.row.open_intents == 0) co_return;
  if (pass.dry_run) {
    pass.counts.adopted += strangers.size();
    co_return;
  }
  const auto intents = co_await db::load_intents(pass.world.pool, folder.key());
  const Candidates present =
      strangers.empty() ? Candidates{} : co_await read_candidates(pass, folder.plan.strangers);
  const Wanted wanted =
      co_await read_wanted(pass, folder, present, strangers.empty() ? std::vector<db::Intent>{} : intents);

  const base::UidSet orphans = strangers.empty() ? base::UidSet{} : co_await orphans_of(pass, folder);
  std::vector<plan::Contender> contenders;
  for (const auto& [uid, digests] : present.digests)
    if (const auto facts = present.facts.find(uid); facts != present.facts.end())
      contenders.push_back({uid, facts->second.flags, digests.digest, digests.canonical,
                            facts->second.date.unix_seconds, orphans.contains(uid)});
  plan::Match match = plan::match(wanted.contenders, contenders);
  match_by_facts(wanted, present, match);

  Wanted answered = wanted;
  for (const auto& intent : intents)
    if (intent.state == "open") answered.intents[intent.source] = intent;
  co_await save_pairs(pass, folder, answered, present, match, folder.target_view.uidnext);

  std::vector<db::Intent> absent;
  for (const auto& intent : intents)
    if (intent.state == "absent") absent.push_back(intent);
  co_await settle_strangers(pass, folder, present, orphans, std::move(absent), match.strangers);

  // What was adopted is mapped now: plan again with the new rows.
  folder.row.mapped += match.pairs.size();
  folder.row.open_intents = 0;
  std::set<base::Uid> adopted;
  for (const auto& pair : match.pairs) adopted.insert(pair.source);
  std::erase_if(folder.plan.copy, [&](const auto uid) { return adopted.contains(uid); });
  folder.plan.strangers = {};
  co_return;
}

}  // namespace mirror::engine
