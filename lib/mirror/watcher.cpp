// SPDX-License-Identifier: Apache-2.0
#include "mirror/watcher.hpp"

#include "base/log.hpp"
#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

using StatusTexts = std::map<std::string, std::string>;  // folder -> STATUS text

// Everything a LIST-STATUS tells: a change of any of it is a reason to compare.
std::string loose_text(const imap::Folder& folder) {
  const auto& s = folder.status.value_or(imap::FolderStatus{});
  return fmt::format("{} {} {} {} {} {} {}", base::raw(s.uidvalidity.value_or(base::UidValidity{})),
                     base::raw(s.uidnext.value_or(base::Uid{})), s.messages.value_or(0), s.unseen.value_or(0),
                     base::raw(s.highestmodseq.value_or(base::ModSeq{})), folder.subscribed,
                     fmt::join(folder.attributes, ","));
}

bool is_greetings(const Store& store, const std::string& folder) {
  const auto& masks = store.profile.greeting_folders;
  return std::any_of(masks.begin(), masks.end(),
                     [&](const auto& mask) { return plan::glob_match(mask, folder); });
}

// Tells events apart by what moved since the last STATUS of that folder (S16).
class Classifier {
 public:
  std::string kind(const Store& store, const imap::WatchEvent& event) {
    using Kind = imap::WatchEvent::Kind;
    const bool greeting = !event.folder.empty() && is_greetings(store, event.folder);
    if (event.kind == Kind::overflow) return "gap";
    if (event.kind == Kind::folder_list) return "folder";
    if (greeting && event.kind != Kind::folder_status) return "greeting";
    if (event.kind == Kind::arrived) return "deposit";
    if (event.kind == Kind::expunged) return "deletion";
    if (event.kind == Kind::flags) return "flag";
    if (event.kind != Kind::folder_status || !event.status) return "other";
    auto& last = last_[event.folder];
    const auto& now = *event.status;
    if (same(now, last)) return "";  // the answer to NOTIFY itself repeats what is known
    std::string kind = "flag";
    if (now.uidnext && (!last.uidnext || *now.uidnext > *last.uidnext))
      kind = "deposit";
    else if (now.messages && last.messages && *now.messages < *last.messages)
      kind = "deletion";
    if (now.uidnext) last.uidnext = now.uidnext;
    if (now.messages) last.messages = now.messages;
    if (now.unseen) last.unseen = now.unseen;
    if (now.highestmodseq) last.highestmodseq = now.highestmodseq;
    if (now.uidvalidity) last.uidvalidity = now.uidvalidity;
    return greeting ? "greeting" : kind;
  }
  static bool same(const imap::FolderStatus& now, const imap::FolderStatus& last) {
    const auto agrees = [](const auto& a, const auto& b) { return !a || a == b; };
    return now.highestmodseq && agrees(now.highestmodseq, last.highestmodseq) &&
           agrees(now.uidnext, last.uidnext) && agrees(now.messages, last.messages) &&
           agrees(now.uidvalidity, last.uidvalidity);
  }
  void learn(const std::vector<imap::Folder>& folders) {
    for (const auto& folder : folders)
      if (folder.status) last_[folder.name] = *folder.status;
  }

 private:
  std::map<std::string, imap::FolderStatus> last_;
};

// The slow poll: true when any folder's numbers moved since the last one.
Task<bool> poll_moved(imap::Session& session, StatusTexts& last, Classifier* classifier) {
  const auto folders = co_await session.list(true);
  if (!folders) throw base::Failed(folders.error());
  StatusTexts now;
  for (const auto& folder : *folders) now[folder.name] = loose_text(folder);
  if (classifier != nullptr) classifier->learn(*folders);
  const bool moved = !last.empty() && now != last;
  last = std::move(now);
  co_return moved;
}

struct Watching {
  World& world;
  Heard& heard;
  const db::WatchedMailbox& mailbox;
  const Store& store;
  imap::Session& session;
  std::string method;
  Classifier classifier;
  StatusTexts last;
};

Task<void> tell(Watching& w, const std::vector<imap::WatchEvent>& events) {
  std::map<std::string, int> kinds;
  for (const auto& event : events) {
    const auto kind = w.classifier.kind(w.store, event);
    if (!kind.empty()) ++kinds[kind];
  }
  for (const auto& [kind, n] : kinds) {
    const bool impact = kind != "other";
    for (int i = 1; i < n; ++i) w.heard.count(w.mailbox.source, kind, impact);
    co_await w.heard.event(w.mailbox, kind, kind, impact);
  }
}

// Until the poll is due or the connection must be renewed.
Task<void> listen_until(Watching& w, base::BootTime until) {
  while (w.world.clock.now() < until) {
    const auto left = std::chrono::duration_cast<Millis>(until - w.world.clock.now());
    const auto events =
        co_await w.session.next_events(std::clamp(left, Millis(1), w.world.settings.watch_dead));
    w.heard.alive(w.mailbox.id, w.method);
    if (!events.empty()) co_await tell(w, events);
  }
}

bool lists_of_before(Watching& w) {
  return w.world.folder_changes.take(w.mailbox.id);
}

Task<void> watch_by_notify(Watching& w) {
  for (;;) {
    co_await listen_until(w, w.world.clock.now() + w.world.settings.watch_poll);
    if (lists_of_before(w)) co_return;
    if (co_await poll_moved(w.session, w.last, &w.classifier))
      co_await w.heard.event(w.mailbox, "poll", "poll", true);
  }
}

Task<void> watch_by_idle(Watching& w) {
  const auto folder = w.store.profile.idle_folders.front();
  auto selected = co_await w.session.select(folder, true);
  if (!selected) throw base::Failed(selected.error());
  for (;;) {
    const auto started = co_await w.session.idle_start();
    if (!started.ok()) throw base::Failed(imap::failure_of(started, "IDLE", folder));
    // IDLE says nothing of other folders: the poll beside it is quicker than under NOTIFY.
    co_await listen_until(
        w, w.world.clock.now() + std::min(w.world.settings.watch_renew, w.world.settings.watch_poll));
    co_await w.session.idle_stop();
    if (lists_of_before(w)) co_return;
    if (co_await poll_moved(w.session, w.last, &w.classifier))
      co_await w.heard.event(w.mailbox, "poll", "poll", true);
  }
}

Task<void> watch_by_poll(Watching& w) {
  for (;;) {
    co_await net::sleep_for(w.world.settings.watch_poll);
    if (lists_of_before(w)) co_return;
    const bool moved = co_await poll_moved(w.session, w.last, &w.classifier);
    w.heard.alive(w.mailbox.id, w.method);
    if (moved) co_await w.heard.event(w.mailbox, "poll", "poll", true);
  }
}

}  // namespace

Task<void> Heard::event(const db::WatchedMailbox& mailbox, std::string kind, std::string cause, bool impact) {
  ++counts_[{mailbox.source, kind, impact}];
  if (!impact) co_return;
  std::vector<base::MailboxId> one{mailbox.id};
  co_await db::mark_dirty(world_.pool, std::move(one), std::move(cause), db::WorkClass::live, false,
                          world_.settings.coalesce);
}

Task<void> Heard::flush() {
  const auto alive = std::exchange(alive_, {});
  for (const auto& [method, mailboxes] : alive) co_await db::heard(world_.pool, mailboxes, method);
  const auto counted = std::exchange(counts_, {});
  std::vector<db::StoreEventCount> counts;
  for (const auto& [key, n] : counted)
    counts.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), n});
  co_await db::count_store_events(world_.pool, std::move(counts));
}

Task<void> watch_mailbox(World& world, Heard& heard, db::WatchedMailbox mailbox,
                         std::shared_ptr<const Store> store) {
  auto session = co_await world.sessions.open(store, mailbox.name);
  if (!session) throw base::Failed(session.error());
  const auto& method = store->profile.watch;
  Watching w{world, heard, mailbox, *store, **session, "poll", {}, {}};
  bool notify = false;
  if (method == "auto" && w.session.has(imap::Cap::notify)) {
    const auto reply = co_await w.session.notify();
    notify = reply.ok();
  }
  const bool idle = !notify && method != "poll" && method != "push" && w.session.has(imap::Cap::idle);
  w.method = notify ? "notify" : idle ? "idle" : method == "push" ? "push" : "poll";
  // The state before listening began is compared once: whatever happened in the gap is found by that pass.
  (void)co_await poll_moved(w.session, w.last, &w.classifier);
  co_await heard.event(mailbox, "gap", "gap", true);
  heard.alive(mailbox.id, w.method);
  if (notify)
    co_await watch_by_notify(w);
  else if (idle)
    co_await watch_by_idle(w);
  else
    co_await watch_by_poll(w);
}

Task<void> poll_mailbox(World& world, Heard& heard, db::WatchedMailbox mailbox,
                        std::map<std::string, std::string>& last) {
  if (world.folder_changes.take(mailbox.id)) world.sessions.forget(mailbox.source, mailbox.name);
  auto session = co_await world.sessions.borrow(mailbox.source, mailbox.name);
  if (!session) throw base::Failed(session.error());
  const bool first = last.empty();
  if (co_await poll_moved(**session, last, nullptr) || first)
    co_await heard.event(mailbox, "poll", first ? "gap" : "poll", true);
  heard.alive(mailbox.id, "poll");
}

}  // namespace mirror::engine
