// SPDX-License-Identifier: Apache-2.0
#pragma once

// A folder on two simulated servers and the mirror's memory between them, for properties of the message
// planner. Every message carries a payload that the planner never sees: what arrived where is judged by
// payloads.

#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "mirror/plan/message_plan.hpp"

namespace mirror::test {

using namespace mirror::plan;

struct SimMessage {
  int payload = 0;
  FlagSet flags;
};

// One server's folder, with what a QRESYNC answer needs: what changed since the last checkpoint.
class SimSide {
 public:
  Uid append(int payload, FlagSet flags) {
    const Uid uid{next_++};
    messages[uid] = {payload, std::move(flags)};
    changed_.insert(uid);
    return uid;
  }
  void store(Uid uid, FlagSet flags) {
    messages.at(uid).flags = std::move(flags);
    changed_.insert(uid);
  }
  void expunge(Uid uid) {
    messages.erase(uid);
    changed_.erase(uid);
    vanished_.add(uid);
  }
  void checkpoint() {
    changed_.clear();
    vanished_ = {};
  }
  FolderView view(bool complete) const {
    FolderView v;
    v.complete = complete;
    v.uidvalidity = UidValidity{7};
    v.uidnext = Uid{next_};
    v.exists = static_cast<std::uint32_t>(messages.size());
    for (const auto& [uid, message] : messages)
      if (complete || changed_.contains(uid)) v.messages.push_back({uid, message.flags});
    if (!complete) v.vanished = vanished_;
    return v;
  }
  std::map<Uid, SimMessage> messages;

 private:
  std::uint32_t next_ = 1;
  std::set<Uid> changed_;
  UidSet vanished_;
};

class FolderPair {
 public:
  SimSide source, target;
  std::map<Uid, MapRow> rows;  // by source UID
  std::set<Uid> extras, quarantined, held;

  // Rows as the engine loads them: all, or those of the UIDs that a partial view names.
  std::vector<MapRow> rows_for(const FolderView& s, const FolderView& t) const {
    std::vector<MapRow> out;
    for (const auto& [uid, row] : rows)
      if (s.complete || t.complete || names(s, row.source) || names(t, row.target)) out.push_back(row);
    return out;
  }

  FolderMemory memory() const {
    FolderMemory m;
    m.mapped = rows.size();
    m.extras = extras.size();
    for (const auto uid : extras) m.extra_uids.add(uid);
    for (const auto uid : quarantined) m.quarantined.add(uid);
    for (const auto uid : held) m.held.add(uid);
    return m;
  }

  MessagePlan plan(const FolderView& s, const FolderView& t) const {
    return plan_messages(s, t, rows_for(s, t), memory());
  }

  // The state at the look is the checkpoint: what the mirror does itself shows up in the next partial view.
  void checkpoint() {
    source.checkpoint();
    target.checkpoint();
  }

  // hold: deletions are held instead of done. A plan that removes what was never mapped is a logic_error.
  void apply(const MessagePlan& plan, bool hold) {
    for (const auto& one : plan.lost) rows.erase(one.source);
    std::vector<Uid> copy = plan.copy;
    for (const auto& one : plan.lost) copy.push_back(one.source);
    for (const auto uid : copy) {
      const auto& message = source.messages.at(uid);
      MapRow row;
      row.source = uid;
      row.target = target.append(message.payload, message.flags);
      row.flags = message.flags;
      if (!rows.emplace(uid, row).second) throw std::logic_error("copied twice");
    }
    for (const auto& fix : plan.flags) {
      target.store(fix.target, fix.wanted);
      rows.at(fix.source).flags = fix.wanted;
    }
    for (const auto& row : plan.settled) rows.at(row.source) = row;
    for (const auto& one : plan.remove) {
      if (rows.at(one.source).target != one.target) throw std::logic_error("not the mapped pair");
      if (hold) held.insert(one.source);
      if (held.contains(one.source)) continue;
      if (target.messages.contains(one.target)) target.expunge(one.target);
      rows.erase(one.source);
    }
    for (const auto uid : plan.released) quarantined.erase(uid);
    const auto strangers = plan.strangers.expand(1000);
    extras.insert(strangers->begin(), strangers->end());
    std::erase_if(extras, [&](Uid uid) { return !target.messages.contains(uid); });
  }

  // One pass with partial or complete looks; asks closer when the plan says so. true: it had to.
  bool pass(FolderView s, FolderView t, bool hold) {
    MessagePlan p = plan(s, t);
    const bool closer = p.look_closer_at_source || p.look_closer_at_target;
    if (closer) p = plan(source.view(true), target.view(true));
    checkpoint();
    apply(p, hold);
    return closer;
  }

  using Content = std::multiset<std::pair<int, std::string>>;
  // What the target has to hold: the source without quarantined messages, what is held, what is foreign.
  Content wanted() const {
    Content out;
    for (const auto& [uid, message] : source.messages)
      if (!quarantined.contains(uid)) out.emplace(message.payload, message.flags.text());
    for (const auto uid : held) out.insert(on_target(rows.at(uid).target));
    for (const auto uid : extras) out.insert(on_target(uid));
    return out;
  }
  Content present() const {
    Content out;
    for (const auto& [uid, message] : target.messages) out.emplace(message.payload, message.flags.text());
    return out;
  }

 private:
  static bool names(const FolderView& view, Uid uid) {
    for (const auto& message : view.messages)
      if (message.uid == uid) return true;
    return view.vanished.contains(uid);
  }
  std::pair<int, std::string> on_target(Uid uid) const {
    const auto found = target.messages.find(uid);
    if (found == target.messages.end()) return {-1, "gone"};
    return {found->second.payload, found->second.flags.text()};
  }
};

}  // namespace mirror::test
