// SPDX-License-Identifier: Apache-2.0
#include "mirror/watch.hpp"

#include <boost/asio/this_coro.hpp>
#include <set>

#include "base/fault.hpp"
#include "base/log.hpp"
#include "mirror/watcher.hpp"
#include "net/backoff.hpp"
#include "net/cancelled.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

namespace log = base::log;

constexpr Millis k_first{200};
constexpr Millis k_longest{30'000};
constexpr Millis k_settled{
    1000};  // the watched set is compared with the table this often, and on every wake-up
constexpr Millis k_flush{1000};
constexpr Millis k_start_pace{2};  // between two new connections, so that a restart is no storm

struct WatchSet {
  std::vector<db::WatchedMailbox> mailboxes;
  std::uint64_t generation = 0;
  bool open = false;
  bool same(const WatchSet& other) const {
    const auto equal = [](const auto& a, const auto& b) {
      return a.id == b.id && a.name == b.name && a.source == b.source;
    };
    return open == other.open && generation == other.generation &&
           mailboxes.size() == other.mailboxes.size() &&
           std::equal(mailboxes.begin(), mailboxes.end(), other.mailboxes.begin(), equal);
  }
};

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
    while (world.sessions.is_down(mailbox.source)) co_await net::sleep_for(k_settled / 2);
    const auto store = world.book.store(mailbox.source);
    const auto born = world.clock.now();
    std::string error = "unknown store";
    std::optional<Failure> trouble;
    bool renewed = false;
    if (store) try {
        co_await watch_mailbox(world, heard, mailbox, store);
        renewed = true;
      } catch (const base::Failed& failed) {
        if (failed.failure().scope() == base::Scope::process) throw;
        error = failed.failure().text();
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
    co_await net::sleep_for(backoff.next());
  }
}

// Those above the limit share few connections, one after the other.
Task<void> keep_polling(World& world, Heard& heard, std::vector<db::WatchedMailbox> mailboxes) {
  std::map<base::MailboxId, std::map<std::string, std::string>> last;
  for (;;) {
    for (const auto& mailbox : mailboxes) {
      try {
        co_await poll_mailbox(world, heard, mailbox, last[mailbox.id]);
      } catch (const base::Failed& failed) {
        if (failed.failure().scope() == base::Scope::process) throw;
        log::debug("poll.failed", "a mailbox could not be polled",
                   {{"mailbox", mailbox.name}, {"err", failed.failure().text()}});
      }
    }
    co_await net::sleep_for(world.settings.watch_poll);
  }
}

Task<void> flush_often(Heard& heard) {
  for (;;) {
    co_await net::sleep_for(k_flush);
    co_await heard.flush();
  }
}

Task<void> start_all(World& world, Heard& heard, net::TaskGroup& group,
                     std::vector<db::WatchedMailbox> mailboxes) {
  std::vector<db::WatchedMailbox> polled;
  for (std::size_t i = 0; i < mailboxes.size(); ++i) {
    if (i >= world.settings.watch_limit) {
      polled.push_back(mailboxes[i]);
      continue;
    }
    group.spawn("watch " + mailboxes[i].name, keep_watching(world, heard, mailboxes[i]));
    co_await net::sleep_for(k_start_pace);
  }
  if (!polled.empty()) group.spawn("poll", keep_polling(world, heard, std::move(polled)));
}

}  // namespace

// One set of mailboxes at a time: when it changes, all watchers end and those of the new set start.
Task<void> watch(World& world, Gate& gate, Wake& config) {
  const auto executor = co_await net::asio::this_coro::executor;
  Heard heard(world);
  net::TaskGroup common(executor);
  common.spawn("heard", flush_often(heard));
  WatchSet current;
  std::exception_ptr error;
  try {
    for (;;) {
      base::fault_throw("watch");
      WatchSet wanted;
      wanted.open = gate.open();
      wanted.generation = world.book.generation();
      if (wanted.open) wanted.mailboxes = co_await db::load_watched(world.pool);
      if (!wanted.same(current)) {
        common.cancel();
        co_await common.join();
        if (wanted.open) {
          common.spawn("heard", flush_often(heard));
          co_await start_all(world, heard, common, wanted.mailboxes);
        }
        current = std::move(wanted);
      }
      co_await config.wait(k_settled);
      if (common.size() == 0 && current.open) co_await common.join();  // tells why everybody ended
    }
  } catch (...) {
    error = std::current_exception();
  }
  co_await net::asio::this_coro::reset_cancellation_state(net::asio::disable_cancellation());
  common.cancel();
  try {
    co_await common.join();
  } catch (const std::exception&) {
    // the first error is the one to tell
  }
  std::rethrow_exception(error);
}

}  // namespace mirror::engine
