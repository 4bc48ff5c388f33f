// SPDX-License-Identifier: Apache-2.0
#include "mirror/dispatch.hpp"

#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>
#include <boost/system/system_error.hpp>

#include "base/fault.hpp"
#include "base/log.hpp"
#include "mirror/blame.hpp"
#include "net/backoff.hpp"
#include "net/cancelled.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

namespace log = base::log;

std::string run_detail(const PassCounts& c) {
  return fmt::format(
      "{{\"copied\": {}, \"adopted\": {}, \"octets\": {}, \"flags\": {}, \"removed\": {}, \"held\": {}, "
      "\"lost\": {}, "
      "\"foreign\": {}, \"unknown\": {}, \"folders_created\": {}, \"folders_renamed\": {}, "
      "\"folders_removed\": {}, "
      "\"subscriptions\": {}, \"quarantined\": {}, \"changes\": {}}}",
      c.copied, c.adopted, c.octets, c.flags, c.removed, c.held, c.lost, c.foreign, c.unknown,
      c.folders_created, c.folders_renamed, c.folders_removed, c.subscriptions, c.quarantined, c.changes());
}

Task<void> end_run_share(World& world, const db::WorkItem& item, bool ok, const std::string& detail) {
  const auto run = co_await db::run_of(world.pool, item.mailbox);
  if (base::raw(run) == 0) co_return;
  co_await db::finish_run_mailbox(world.pool, run, item.mailbox, ok ? "equal" : "failed", detail);
}

// Keeps the lease alive beside the pass; a lost lease ends the pass.
Task<void> keep_lease(World& world, base::MailboxId mailbox, base::Epoch epoch) {
  const auto interval = std::chrono::duration_cast<Millis>(world.settings.lease) / 4;
  for (;;) {
    co_await net::sleep_for(interval);
    if (!co_await db::renew_lease(world.pool, mailbox, epoch, world.settings.lease))
      throw base::Failed(Failure("MRD-MIR-006", fmt::format("mailbox {}", mailbox)));
  }
}

Task<void> pass_then_stop(World& world, db::WorkItem item, PassResult* result, net::TaskGroup* group) {
  *result = co_await reconcile(world, std::move(item), false);
  group->cancel();  // the lease keeper has nothing to keep any more
}

Task<PassResult> leased_pass(World& world, const db::WorkItem& item) {
  const auto executor = co_await net::asio::this_coro::executor;
  net::TaskGroup group(executor);
  PassResult result;
  group.spawn("lease", keep_lease(world, item.mailbox, item.epoch));
  group.spawn("pass", pass_then_stop(world, item, &result, &group));
  co_await group.join();
  co_return result;
}

// A warm session may have died since its last use: the first loss is tried again with fresh ones.
Task<PassResult> pass_with_fresh_sessions(World& world, const db::WorkItem& item) {
  std::optional<Failure> lost;
  try {
    co_return co_await leased_pass(world, item);
  } catch (const base::Failed& failed) {
    const auto code = failed.failure().code();
    if (code != "MRD-NET-003" && code != "MRD-IMAP-002" && code != "MRD-NET-002") throw;
    lost = failed.failure();
  }
  log::info("pass.repeated", "a connection was lost; the pass starts again with new ones",
            {{"mailbox", item.name}, {"code", std::string(lost->code())}, {"err", lost->detail()}});
  world.sessions.close_idle(true);
  co_return co_await leased_pass(world, item);
}

Task<void> store_trouble(World& world, const Trouble& trouble) {
  for (const auto id : trouble.stores) {
    world.sessions.set_down(id, true);
    co_await db::store_down(world.pool, id, trouble.failure, probe_pause(world.settings, trouble.failure));
  }
  world.sessions.close_idle(true);
}

// The pause that a server asks for is a lower bound of ours.
void set_retry(db::WorkEnd& end, const Settings& settings) {
  end.retry_in = settings.retry_first;
  end.retry_longest = settings.retry_longest;
  if (!end.failure) return;
  const auto asked = asked_pause(*end.failure);
  end.retry_in = std::max(end.retry_in, asked);
  end.retry_longest = std::max(end.retry_longest, asked);
}

// What is not the mailbox's fault and would be met again at once by the next pass all the same (a statement
// that the database refuses, a bug of ours): told as the mailbox's trouble, and waiting longer each time.
bool comes_again(const Failure& failure) {
  return failure.code() == "MRD-DB-005" || failure.code() == "MRD-BASE-001" ||
         failure.code() == "MRD-BASE-002";
}

// What a pause or another connection mends does not end the mailbox's share of a run, unless it comes again.
Task<bool> is_passing(World& world, const db::WorkItem& item, const Failure& failure) {
  constexpr int k_most = 5;
  const auto code = failure.code();
  if (asked_pause(failure).count() == 0 && code != "MRD-IMAP-019" && code != "MRD-IMAP-002" &&
      code != "MRD-NET-002" && code != "MRD-NET-003")
    co_return false;
  co_return co_await db::retries_of(world.pool, item.mailbox) < k_most;
}

Task<void> end_with_failure(World& world, db::WorkItem item, Trouble trouble) {
  const Failure& failure = trouble.failure;
  log::warning("pass.failed", "a mailbox could not be made equal",
               {{"mailbox", item.name}, {"code", std::string(failure.code())}, {"err", failure.detail()}});
  const bool of_process = failure.scope() == base::Scope::process && !comes_again(failure);
  if (!trouble.stores.empty()) co_await store_trouble(world, trouble);
  db::WorkEnd end;
  end.item = item;
  end.postponed = !trouble.stores.empty() || of_process || failure.code() == "MRD-MIR-006";
  if (!end.postponed && !co_await is_passing(world, item, failure))
    co_await end_run_share(world, item, false, "{}");
  end.failure = failure;
  set_retry(end, world.settings);
  co_await db::finish_work(world.pool, std::move(end));
}

Task<void> end_with_result(World& world, db::WorkItem item, PassResult result) {
  for (const auto store : {item.source_store, item.target_store})
    if (world.sessions.set_up(store)) co_await db::store_up(world.pool, store);
  world.sessions.count_copied(item.target_store, result.counts.copied);
  // S25: the periodic complete compare says what it found and repaired.
  if (result.complete && result.counts.changes() > 0)
    co_await db::add_report(world.pool, "compare",
                            boost::json::serialize(boost::json::object{
                                {"mailbox", item.name},
                                {"cause", item.cause},
                                {"repaired", boost::json::parse(run_detail(result.counts))}}));
  const bool told = item.cause == "deposit" || item.cause == "flag" || item.cause == "deletion" ||
                    item.cause == "greeting" || item.cause == "folder" || result.look_again;
  db::WorkEnd end;
  end.item = item;
  end.failure = result.failure;
  end.partial = true;
  set_retry(end, world.settings);
  end.again = result.again;
  end.again_full = result.again_full;
  end.full = result.complete;
  end.totals = result.totals;
  if (!result.again) {
    end.run = result.run;
    end.run_state = result.failure ? "failed" : "equal";
    end.run_detail = run_detail(result.counts);
  }
  co_await db::finish_work(world.pool, std::move(end));
  if (told && world.settings.echo.count() > 0) {
    std::vector<base::MailboxId> one{item.mailbox};
    co_await db::mark_dirty(world.pool, std::move(one), "echo", db::WorkClass::live, false,
                            world.settings.echo);
  }
}

// Cancelled (suspend, shutdown): the lease is given back, so that whoever comes next need not wait for it to
// run out.
Task<void> let_go(World& world, db::WorkItem item) {
  db::WorkEnd end;
  end.item = std::move(item);
  end.postponed = true;
  co_await db::finish_work(world.pool, std::move(end));
}

Task<std::optional<Failure>> pass_or_failure(World& world, const db::WorkItem& item, PassResult& result) {
  try {
    result = co_await pass_with_fresh_sessions(world, item);
    co_return std::nullopt;
  } catch (const base::Failed& failed) {
    co_return failed.failure();
  }
}

Task<void> work_on(World& world, Gate& gate, Wake& wake, db::WorkItem item) {
  const Inside inside(gate);
  std::optional<Trouble> trouble;
  std::exception_ptr cancelled;
  PassResult result;
  try {
    const auto failure = co_await pass_or_failure(world, item, result);
    if (failure) trouble = co_await whose_trouble(world, item, *failure);
  } catch (const boost::system::system_error&) {
    cancelled = std::current_exception();
  }
  if (cancelled) {
    // A cancelled coroutine could wait for nothing any more.
    co_await net::asio::this_coro::reset_cancellation_state(net::asio::disable_cancellation());
    co_await let_go(world, std::move(item));
    std::rethrow_exception(cancelled);
  }
  if (trouble)
    co_await end_with_failure(world, std::move(item), std::move(*trouble));
  else
    co_await end_with_result(world, std::move(item), std::move(result));
  wake.signal();
}

// Gives the lease back as soon as the database answers; by itself it would run out a minute later.
Task<void> let_go_later(World& world, db::WorkItem item) {
  const auto end = world.clock.now() + world.settings.lease;
  db::WorkEnd unfinished;
  unfinished.item = std::move(item);
  unfinished.postponed = true;
  net::Backoff backoff(Millis(200), Millis(5000),
                       static_cast<std::uint64_t>(base::raw(unfinished.item.mailbox)));
  while (world.clock.now() < end) {
    co_await net::sleep_for(backoff.next());
    try {
      co_await db::finish_work(world.pool, unfinished);
      co_return;
    } catch (const base::Failed&) {
      // still away
    }
  }
}

// A database that is away ends the piece of work, not the dispatcher: the row is taken again.
Task<void> work_on_guarded(World& world, Gate& gate, Wake& wake, db::WorkItem item) {
  bool unrecorded = false;
  try {
    co_await work_on(world, gate, wake, item);
  } catch (const base::Failed& failed) {
    unrecorded = true;
    log::error("pass.unrecorded",
               "the end of a pass could not be recorded; it is repeated when the database answers",
               {{"mailbox", item.name},
                {"code", std::string(failed.failure().code())},
                {"err", failed.failure().detail()}});
  }
  if (!unrecorded) co_return;
  co_await let_go_later(world, std::move(item));
  wake.signal();
}

}  // namespace

Task<void> dispatch(World& world, Gate& gate, Wake& wake) {
  const auto executor = co_await net::asio::this_coro::executor;
  net::TaskGroup group(executor);
  const auto interval = std::chrono::duration_cast<Millis>(world.settings.pass_interval);
  const std::size_t places = world.settings.workers + 1;  // the last one is for live work alone
  std::exception_ptr error;
  try {
    // Started again after a failure: nothing is in flight, so what this node still holds is left over.
    co_await db::free_leases_of(world.pool, world.settings.node);
    for (;;) {
      base::fault_throw("reconcile");
      Millis pause = interval;
      if (gate.open() && group.size() < places) {
        db::TakeSettings take;
        take.node = world.settings.node;
        take.limit = places - group.size();
        take.bulk = world.settings.workers - std::min(world.settings.workers, group.size());
        take.lease = world.settings.lease;
        take.beat = gate.beat();
        auto items = co_await db::take_work(world.pool, take);
        for (auto& item : items) {
          const std::string name = "pass " + item.name;
          group.spawn(name, work_on_guarded(world, gate, wake, std::move(item)));
        }
        pause = items.empty() ? co_await db::next_due(world.pool, interval) : Millis(0);
      }
      if (!gate.open()) {
        group.cancel();
        co_await group.join();
      }
      if (pause.count() > 0) co_await wake.wait(pause);
    }
  } catch (...) {
    error = std::current_exception();
  }
  // Children end at their own safe points before the error travels on.
  co_await net::asio::this_coro::reset_cancellation_state(net::asio::disable_cancellation());
  group.cancel();
  try {
    co_await group.join();
  } catch (const std::exception&) {
    // the first error is the one to tell
  }
  std::rethrow_exception(error);
}

}  // namespace mirror::engine
