// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/message_plan.hpp"

#include <algorithm>
#include <map>

namespace mirror::plan {

namespace {

constexpr std::size_t k_expandable = 1'000'000;

using RowBySource = std::map<Uid, const MapRow*>;
using ViewByUid = std::map<Uid, const SeenMessage*>;

ViewByUid by_uid(const FolderView& view) {
  ViewByUid out;
  for (const auto& message : view.messages) out.emplace(message.uid, &message);
  return out;
}

// Gone for sure from a view: not in a complete one, or named as vanished by a partial one.
bool gone(const FolderView& view, const ViewByUid& seen, Uid uid) {
  return view.complete ? !seen.contains(uid) : view.vanished.contains(uid) && !seen.contains(uid);
}

void plan_copies(const FolderView& source, const RowBySource& rows, const FolderMemory& memory,
                 MessagePlan& plan) {
  for (const auto& message : source.messages)
    if (!rows.contains(message.uid) && !memory.quarantined.contains(message.uid))
      plan.copy.push_back(message.uid);
}

void plan_one_flag(const MapRow& row, const SeenMessage* source, const SeenMessage* target,
                   const std::optional<std::vector<std::string>>& keeps, MessagePlan& plan) {
  if (source == nullptr && target == nullptr) return;
  const FlagSet& wanted_raw = source != nullptr ? source->flags : row.flags;
  const FlagSet wanted = storable(wanted_raw, keeps);
  const FlagSet& has = target != nullptr ? target->flags : row.flags;
  if (wanted == storable(has, keeps)) {
    if (!(row.flags == wanted_raw)) {
      MapRow settled = row;
      settled.flags = wanted_raw;
      plan.settled.push_back(std::move(settled));
    }
    return;
  }
  const bool drift = source == nullptr || source->flags == row.flags;
  plan.flags.push_back({row.source, row.target, wanted_raw, has, drift});
}

// Held deletions are mapped, gone, and no partial view names them again.
bool held_and_gone(const FolderMemory& memory, const ViewByUid& seen, Uid uid) {
  return memory.held.contains(uid) && !seen.contains(uid);
}

// Law 4: source EXISTS = mapped + quarantined + to copy - gone.
bool source_counts_agree(const FolderView& source, const ViewByUid& seen, const FolderMemory& memory,
                         const MessagePlan& plan) {
  if (source.complete) return seen.size() >= source.exists;
  std::uint64_t gone_now = plan.remove.size();
  for (const Uid uid : plan.released) gone_now += memory.quarantined.contains(uid) ? 1 : 0;
  UidSet removed;
  for (const auto& one : plan.remove) removed.add(one.source);
  if (const auto held = memory.held.expand(k_expandable))
    for (const Uid uid : *held)
      if (!removed.contains(uid) && !seen.contains(uid)) ++gone_now;
  const auto expected = memory.mapped + memory.quarantined.count() + plan.copy.size();
  return expected == source.exists + gone_now;
}

// Target EXISTS = mapped + extras + strangers - gone.
bool target_counts_agree(const FolderView& target, const ViewByUid& seen, const FolderMemory& memory,
                         const UidSet& strangers, std::uint64_t rows_gone) {
  if (target.complete) return seen.size() >= target.exists;
  std::uint64_t gone_now = rows_gone;
  if (const auto extras = memory.extra_uids.expand(k_expandable))
    for (const Uid uid : *extras)
      if (gone(target, seen, uid)) ++gone_now;
  return memory.mapped + memory.extras + strangers.count() == target.exists + gone_now;
}

// What a wrong look would make wrong waits for the closer one: a message that was only not seen must not be
// removed from the target, nor copied to it a second time.
void hold_back(MessagePlan& plan) {
  if (plan.look_closer_at_source) {
    plan.remove.clear();
    plan.released.clear();
  }
  if (plan.look_closer_at_target) {
    plan.copy.clear();
    plan.lost.clear();
  }
}

}  // namespace

FlagSet storable(const FlagSet& wanted, const std::optional<std::vector<std::string>>& keeps) {
  if (!keeps) return wanted;
  const FlagSet allowed(*keeps);
  std::vector<std::string> kept;
  for (const auto& word : wanted.words())
    if (allowed.contains(word)) kept.push_back(word);
  return FlagSet(kept);
}

MessagePlan plan_messages(const FolderView& source, const FolderView& target, const std::vector<MapRow>& rows,
                          const FolderMemory& memory, const std::optional<std::vector<std::string>>& keeps) {
  MessagePlan plan;
  RowBySource by_source;
  RowBySource by_target;
  for (const auto& row : rows) {
    by_source.emplace(row.source, &row);
    by_target.emplace(row.target, &row);
  }
  const ViewByUid on_source = by_uid(source);
  const ViewByUid on_target = by_uid(target);

  plan_copies(source, by_source, memory, plan);
  std::uint64_t gone_from_target = 0;
  for (const auto& row : rows) {
    const bool off_target = gone(target, on_target, row.target);
    if (off_target) ++gone_from_target;
    // Gone from both sides is a removal that finds nothing left to do: what is lost is copied again.
    if (gone(source, on_source, row.source) || held_and_gone(memory, on_source, row.source)) {
      plan.remove.push_back({row.source, row.target});
      continue;
    }
    if (off_target) {
      plan.lost.push_back({row.source, row.target});
      continue;
    }
    const auto s = on_source.find(row.source);
    const auto t = on_target.find(row.target);
    plan_one_flag(row, s == on_source.end() ? nullptr : s->second, t == on_target.end() ? nullptr : t->second,
                  keeps, plan);
  }
  for (const auto* set : {&memory.quarantined, &memory.due})
    if (const auto uids = set->expand(k_expandable))
      for (const Uid uid : *uids)
        if (gone(source, on_source, uid)) plan.released.push_back(uid);
  for (const auto& message : target.messages)
    if (!by_target.contains(message.uid) && !memory.extra_uids.contains(message.uid))
      plan.strangers.add(message.uid);

  plan.look_closer_at_source = !source_counts_agree(source, on_source, memory, plan);
  plan.look_closer_at_target =
      !target_counts_agree(target, on_target, memory, plan.strangers, gone_from_target);
  hold_back(plan);
  return plan;
}

}  // namespace mirror::plan
