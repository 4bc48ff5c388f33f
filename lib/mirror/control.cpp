// SPDX-License-Identifier: Apache-2.0
#include "mirror/control.hpp"

#include "base/log.hpp"
#include "db/site.hpp"
#include "mirror/hooks.hpp"
#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

namespace log = base::log;

constexpr Millis k_safe_point{8000};  // law 9: ten seconds at most, less the heartbeat
constexpr int k_misses = 5;  // heartbeats without the database until this node counts itself suspended

// Closes the gate and waits until every pass has let go; withheld octets are closed, never released.
Task<void> close_gate(World& world, Gate& gate, const std::vector<Wake*>& told) {
  gate.set_open(false);
  for (auto* wake : told) wake->signal();
  for (Millis waited{0}; gate.inside() > 0 && waited < k_safe_point; waited += Millis(20))
    co_await net::sleep_for(Millis(20));
  world.sessions.close_idle(true);
  if (gate.inside() > 0)
    log::error("site.slow", "suspending waits for work in flight", {{"code", "MRD-MIR-020"}});
}

Task<void> obey(World& world, Gate& gate, const std::vector<Wake*>& told, const db::SiteState& site) {
  if (site.mirroring() && !gate.open()) {
    gate.set_open(true);
    for (auto* wake : told) wake->signal();
  }
  if (!site.mirroring() && (gate.open() || gate.inside() > 0)) co_await close_gate(world, gate, told);
}

// What was done since is on the stores and not in the database: an administrator decides, and the first look
// after the resume matches by content.
Task<void> suspend_gone_back(World& world, const std::string& reason, const SiteMark& mark,
                             const db::SiteState& site) {
  log::error("site.went_back", "the database went back in time; suspended",
             {{"code", "MRD-DB-010"}, {"reason", reason}});
  co_await db::force_suspended(world.pool, reason, base::Epoch{mark.epoch}, site.timeline);
}

Task<db::SiteState> beat(World& world, base::Epoch in_effect) {
  const auto& s = world.settings;
  co_return co_await db::heartbeat(world.pool, s.node, s.host, s.version, in_effect);
}

// Without it an older mark stays: less is noticed after a loss, but nothing is wrong now, so mirroring goes
// on.
Task<void> keep_mark(World& world, net::Offload& offload, SiteMark mark, bool& kept) {
  std::optional<Failure> failure;
  try {
    co_await offload.run([&](std::size_t) { write_site_mark(world.settings.state_directory, mark); });
  } catch (const base::Failed& failed) {
    failure = failed.failure();
  }
  if (failure && kept)
    log::error("site.mark",
               "what this node knows of the database cannot be kept; an old one may go unnoticed",
               {{"code", std::string(failure->code())}, {"err", failure->detail()}});
  kept = !failure;
}

}  // namespace

Task<void> join_site(World& world) {
  const auto& settings = world.settings;
  const auto mark = read_site_mark(settings.state_directory);
  auto site = co_await db::load_site(world.pool, settings.node);
  const auto reason = went_back(mark, site, settings.node);
  if (!reason.empty()) {
    co_await suspend_gone_back(world, reason, mark, site);
    site = co_await db::load_site(world.pool, settings.node);
  }
  co_await db::free_leases_of(world.pool, settings.node);
  co_await db::requeue_runs_of(world.pool, settings.node);
  site = co_await beat(world, site.mirroring() ? site.epoch : base::Epoch{});
  write_site_mark(settings.state_directory, mark_of(site, settings.node));
}

Task<void> control(World& world, Gate& gate, Wake& site_wake, std::vector<Wake*> told,
                   net::Offload& offload) {
  const auto& settings = world.settings;
  SiteMark mark = read_site_mark(settings.state_directory);
  base::Epoch in_effect{};
  std::string last_state;
  int misses = 0;
  bool kept = true;
  for (;;) {
    std::optional<Failure> failure;
    try {
      auto site = co_await beat(world, in_effect);
      misses = 0;
      // One put in its place, or a standby promoted without its last commits, while this node ran.
      SiteMark seen = mark;
      ++seen.beat;
      const auto reason = went_back(seen, site, settings.node);
      if (!reason.empty()) {
        co_await suspend_gone_back(world, reason, mark, site);
        site = co_await beat(world, in_effect);
      }
      gate.set_beat(site.beat);
      co_await obey(world, gate, told, site);
      const bool settled = gate.open() || gate.inside() == 0;
      if (settled && in_effect != site.epoch) {
        in_effect = site.epoch;
        // At once: whoever waits for suspended need not wait for the next beat.
        site = co_await beat(world, in_effect);
      }
      mark = mark_of(site, settings.node);
      co_await keep_mark(world, offload, mark, kept);
      if (site.state != last_state) {
        log::info("site.state", "the site state",
                  {{"state", site.state}, {"actor", site.actor}, {"reason", site.reason}});
        if (!last_state.empty())
          co_await run_hooks(offload, settings.hook_directory, site.state, last_state, site.reason);
        last_state = site.state;
      }
    } catch (const base::Failed& failed) {
      failure = failed.failure();
    }
    if (failure) {
      log::warning("site.heartbeat", "the heartbeat failed",
                   {{"code", std::string(failure->code())}, {"err", failure->detail()}});
      // Cut off from the database this node counts itself suspended: others may have decided so.
      if (++misses == k_misses) co_await close_gate(world, gate, told);
    }
    co_await site_wake.wait(settings.heartbeat);
  }
}

}  // namespace mirror::engine
