// SPDX-License-Identifier: Apache-2.0
#include "mirror/watchers.hpp"

#include <algorithm>
#include <set>

#include "base/log.hpp"
#include "mirror/blame.hpp"
#include "net/backoff.hpp"
#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

namespace log = base::log;

constexpr Millis k_first{200};
constexpr Millis k_longest{30'000};
constexpr Millis k_while_down{500};
constexpr Millis k_start_pace{2};  // between two new connections, so that a start is no storm

// What no other mailbox of that store would fare better with: everybody stops, the prober alone goes on.
bool of_the_store(const Failure& failure) {
  static const std::set<std::string_view> codes = {"MRD-NET-001", "MRD-NET-004",  "MRD-NET-005",
                                                   "MRD-NET-006", "MRD-IMAP-010", "MRD-IMAP-035"};
  return failure.scope() == base::Scope::store && codes.contains(failure.code());
}

Task<void> tell_store(World& world, base::StoreId store, Failure failure) {
  if (world.sessions.is_down(store)) co_return;
  world.sessions.set_down(store, true);
  co_await db::store_down(world.pool, store, std::move(failure), world.settings.probe_first);
}

// A connection that ends is opened again, slower and slower; every new life begins with a compare.
Task<void> keep_watching(World& world, Heard& heard, db::WatchedMailbox mailbox) {
  net::Backoff backoff(k_first, k_longest, static_cast<std::uint64_t>(base::raw(mailbox.id)));
  for (;;) {
    while (world.sessions.is_down(mailbox.source)) co_await net::sleep_for(k_while_down);
    const auto store = world.book.store(mailbox.source);
    const auto born = world.clock.now();
    std::string error = "unknown store";
    std::optional<Failure> trouble;
    Seconds asked{0};
    bool renewed = false;
    if (store) try {
        co_await watch_mailbox(world, heard, mailbox, store);
        renewed = true;
      } catch (const base::Failed& failed) {
        if (failed.failure().scope() == base::Scope::process) throw;
        error = failed.failure().text();
        asked = asked_pause(failed.failure());
        if (of_the_store(failed.failure())) trouble = failed.failure();
      }
    if (renewed) {
      backoff.reset();
      continue;
    }
    if (trouble) co_await tell_store(world, mailbox.source, std::move(*trouble));
    heard.count(mailbox.source, "gap", false);
    if (world.clock.now() - born > k_longest) backoff.reset();
    log::debug("watch.lost", "a watch connection ended", {{"mailbox", mailbox.name}, {"err", error}});
    co_await net::sleep_for(std::max(backoff.next(), std::chrono::duration_cast<Millis>(asked)));
  }
}

bool same(const db::WatchedMailbox& a, const db::WatchedMailbox& b) {
  return a.id == b.id && a.name == b.name && a.source == b.source;
}

Task<void> ended(net::TaskGroup& group) {
  try {
    co_await group.join();
  } catch (const std::exception&) {
    // it was to end
  }
}

}  // namespace

Watchers::Watchers(World& world, Heard& heard, net::asio::any_io_executor executor)
    : world_(world), heard_(heard), executor_(std::move(executor)), polling_(executor_) {}

Task<void> Watchers::become(std::vector<db::WatchedMailbox> wanted) {
  const auto own = std::min(wanted.size(), static_cast<std::size_t>(world_.settings.watch_limit));
  std::vector<db::WatchedMailbox> polled(wanted.begin() + static_cast<std::ptrdiff_t>(own), wanted.end());
  wanted.resize(own);
  co_await end_others(wanted);
  for (const auto& mailbox : wanted) {
    if (watched_.contains(mailbox.id)) continue;
    auto& one = watched_[mailbox.id];
    one = {mailbox, std::make_unique<net::TaskGroup>(executor_)};
    one.group->spawn("watch " + mailbox.name, keep_watching(world_, heard_, mailbox));
    co_await net::sleep_for(k_start_pace);
  }
  co_await poll(std::move(polled));
}

Task<void> Watchers::check() {
  for (auto& [id, one] : watched_)
    if (one.group->size() == 0) co_await one.group->join();
  if (!polled_.empty() && polling_.size() == 0) co_await polling_.join();
}

Task<void> Watchers::end() {
  for (auto& [id, one] : watched_) one.group->cancel();
  polling_.cancel();
  for (auto& [id, one] : watched_) co_await ended(*one.group);
  co_await ended(polling_);
  watched_.clear();
  polled_.clear();
  statuses_.clear();  // every new start begins with a compare
}

Task<void> Watchers::end_others(const std::vector<db::WatchedMailbox>& wanted) {
  const auto stays = [&](const Watched& one) {
    const auto found = std::lower_bound(wanted.begin(), wanted.end(), one.mailbox.id,
                                        [](const auto& mailbox, auto id) { return mailbox.id < id; });
    return found != wanted.end() && same(*found, one.mailbox);
  };
  std::vector<base::MailboxId> leaving;
  for (auto& [id, one] : watched_) {
    if (stays(one)) continue;
    one.group->cancel();
    leaving.push_back(id);
  }
  for (const auto id : leaving) {
    co_await watched_.at(id).group->join();
    watched_.erase(id);
  }
}

Task<void> Watchers::poll(std::vector<db::WatchedMailbox> mailboxes) {
  if (std::equal(mailboxes.begin(), mailboxes.end(), polled_.begin(), polled_.end(), same)) co_return;
  polling_.cancel();
  co_await polling_.join();
  polled_ = mailboxes;
  if (!polled_.empty()) polling_.spawn("poll", keep_polling(std::move(mailboxes)));
}

// They share few connections, one after the other.
Task<void> Watchers::keep_polling(std::vector<db::WatchedMailbox> mailboxes) {
  for (;;) {
    for (const auto& mailbox : mailboxes) {
      try {
        co_await poll_mailbox(world_, heard_, mailbox, statuses_[mailbox.id]);
      } catch (const base::Failed& failed) {
        if (failed.failure().scope() == base::Scope::process) throw;
        log::debug("poll.failed", "a mailbox could not be polled",
                   {{"mailbox", mailbox.name}, {"err", failed.failure().text()}});
      }
    }
    co_await net::sleep_for(world_.settings.watch_poll);
  }
}

}  // namespace mirror::engine
