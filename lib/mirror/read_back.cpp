// SPDX-License-Identifier: Apache-2.0
#include "mirror/read_back.hpp"

#include "mirror/digests.hpp"
#include "mirror/quarantine.hpp"

namespace mirror::engine {

namespace {

base::UidSet without(const base::UidSet& uids, const std::set<base::Uid>& less) {
  base::UidSet out;
  for (const auto uid : uids.expand(uids.count()).value_or(std::vector<base::Uid>{}))
    if (!less.contains(uid)) out.add(uid);
  return out;
}

// A server need not announce before a NOOP what it stored (RFC 9051 section 6.3.12), nor give all that was
// asked for in one answer: what was not seen is asked for once more, then by its UID alone. false: the target
// refuses to tell.
Task<bool> see_others(Pass& pass, const base::UidSet& stored, imap::FetchWhat what, std::set<base::Uid>& seen,
                      const std::function<void(const imap::MessageData&)>& each) {
  if (without(stored, seen).empty()) co_return true;
  const auto announced = co_await pass.target->noop();
  const auto again = co_await pass.target->fetch(without(stored, seen), what, each);
  if (!announced.ok() || !again.ok()) co_return false;
  const auto left = without(stored, seen);
  if (left.empty()) co_return true;
  imap::FetchWhat alone;
  alone.flags = false;
  const auto reply = co_await pass.target->fetch(left, alone, [&](const imap::MessageData& m) {
    if (m.uid) seen.insert(*m.uid);
  });
  co_return reply.ok();
}

}  // namespace

Task<void> read_back(Pass& pass, FolderWork& folder, WindowOutcome& outcome) {
  std::map<base::Uid, db::Stored*> by_target;
  base::UidSet uids, alterable;
  for (auto& s : outcome.stored) {
    by_target[s.target] = &s;
    uids.add(s.target);
    if (outcome.alterable.contains(s.intent.source)) alterable.add(s.target);
  }
  if (uids.empty()) co_return;
  imap::FetchWhat what;
  what.date = what.size = true;
  std::vector<db::Quarantined> altered;
  std::set<base::Uid> seen;
  const auto each = [&](const imap::MessageData& m) {
    if (m.uid) seen.insert(*m.uid);
    if (!m.uid || !m.size || !m.date || !by_target.contains(*m.uid)) return;
    auto& s = *by_target[*m.uid];
    s.target_size = *m.size;
    s.target_date = m.date->unix_seconds;
    if (*m.size != s.intent.length || !(*m.date == s.intent.date)) {
      auto row = quarantine_row(folder, s.intent.source, "altered", Failure("MRD-MIR-001", ""), "");
      row.wanted = fmt::format("{} octets, {}", s.intent.length, s.intent.date.text());
      row.got = fmt::format("{} octets, {}", *m.size, m.date->text());
      altered.push_back(std::move(row));
    }
    if (m.flags &&
        !(plan::storable(*m.flags, folder.keeps) == plan::storable(s.intent.flags, folder.keeps))) {
      for (const auto& word : s.intent.flags.words())
        if (!m.flags->contains(word)) {
          auto row = quarantine_row(folder, s.intent.source, "flag", Failure("MRD-MIR-002", ""), "");
          row.wanted = word;
          row.got = m.flags->text();
          altered.push_back(std::move(row));
        }
    }
  };
  const auto reply = co_await pass.target->fetch(uids, what, each);
  if (!reply.ok() || !co_await see_others(pass, uids, what, seen, each)) co_return;
  // Cyrus makes an X of an 8-bit octet in a header: size and date are then what they were.
  const auto digests = co_await read_digests(*pass.target, std::move(alterable));
  for (const auto& [uid, read] : digests) {
    auto& s = *by_target[uid];
    if (read.digest == s.intent.digest || read.length != s.intent.length) continue;
    s.target_digest = read.digest;
    auto row = quarantine_row(folder, s.intent.source, "altered", Failure("MRD-MIR-001", ""), "");
    row.wanted = base::to_hex(*s.intent.digest);
    row.got = base::to_hex(read.digest);
    altered.push_back(std::move(row));
  }
  pass.counts.quarantined += altered.size();
  co_await db::quarantine(pass.world.pool, pass.item.mailbox, std::move(altered));
  // Answered with a UID under which there is nothing: a look decides what became of it.
  for (auto& s : outcome.stored)
    if (!seen.contains(s.target)) outcome.unresolved.push_back(s.intent);
  std::erase_if(outcome.stored, [&](const auto& s) { return !seen.contains(s.target); });
}

}  // namespace mirror::engine
