// SPDX-License-Identifier: Apache-2.0
#include "mirror/schedule.hpp"

#include "base/log.hpp"
#include "db/guard.hpp"
#include "db/ledger.hpp"
#include "mirror/blame.hpp"
#include "net/backoff.hpp"
#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

namespace log = base::log;
constexpr Millis k_tick{1000};

// Runs made of ordinary passes: their mailboxes become dirty, the passes report to the run.
Task<void> start_runs(World& world) {
  while (const auto run = co_await db::take_run(world.pool, world.settings.node,
                                                {"resync", "review", "rebuild", "first_copy"})) {
    log::info("run.started", "a run started",
              {{"run", fmt::format("{}", run->id)}, {"kind", run->kind}, {"mask", run->mask}});
    co_await db::mark_run_dirty(world.pool, run->id);
  }
}

struct Probe {
  net::Backoff backoff;
  base::BootTime due{};
  std::string code;
};

}  // namespace

Task<void> schedule(World& world, Gate& gate, Wake& wake) {
  db::TimerSettings timers;
  timers.review_interval = world.settings.review_interval;
  timers.rebuild_interval = world.settings.rebuild_interval;
  for (;;) {
    if (gate.open()) {
      co_await db::raise_due(world.pool, timers);
      co_await db::release_due_removals(world.pool);
      co_await db::look_for_late_copies(world.pool);
      co_await start_runs(world);
    }
    world.sessions.close_idle(!gate.open());
    for (const auto& [store, traffic] : world.sessions.take_traffic())
      co_await db::add_traffic(world.pool, store, traffic.octets_in, traffic.octets_out, traffic.copied);
    co_await wake.wait(k_tick);
  }
}

Task<void> probe_stores(World& world, Gate& gate, Wake& work) {
  std::map<base::StoreId, Probe> probes;
  for (;;) {
    co_await net::sleep_for(k_tick / 2);
    if (!gate.open()) continue;
    for (const auto& record : co_await db::load_stores(world.pool)) {
      if (record.state != "down" && record.state != "refused") {
        probes.erase(record.id);
        world.sessions.set_down(record.id, false);
        continue;
      }
      world.sessions.set_down(record.id, true);
      const auto first = std::chrono::duration_cast<Millis>(
          record.state == "refused" ? world.settings.probe_refused : world.settings.probe_first);
      const auto longest = std::chrono::duration_cast<Millis>(
          record.state == "refused" ? world.settings.probe_refused : world.settings.probe_longest);
      auto [probe, fresh] = probes.try_emplace(
          record.id, Probe{net::Backoff(first, longest, static_cast<std::uint64_t>(base::raw(record.id))),
                           {},
                           record.state});
      if (fresh || probe->second.code != record.state) {
        probe->second = Probe{
            net::Backoff(first, longest, static_cast<std::uint64_t>(base::raw(record.id))), {}, record.state};
        probe->second.due = world.clock.now() + std::max(probe->second.backoff.next(), record.probe_in);
      }
      const auto store = world.book.store(record.id);
      if (!store || (world.clock.now() < probe->second.due &&
                     record.row_version == store->record.row_version && !record.probe_now))
        continue;
      const auto failure = co_await world.sessions.probe(store);
      if (!failure) {
        co_await db::store_up(world.pool, record.id);
        world.sessions.set_down(record.id, false);
        log::info("store.up", "a store answers again", {{"store", record.name}});
        work.signal();
        continue;
      }
      const auto pause =
          std::max(probe->second.backoff.next(), std::chrono::duration_cast<Millis>(asked_pause(*failure)));
      probe->second.due = world.clock.now() + pause;
      co_await db::store_down(world.pool, record.id, *failure, std::chrono::duration_cast<Seconds>(pause));
    }
  }
}

}  // namespace mirror::engine
