// SPDX-License-Identifier: Apache-2.0
#include "mirror/run_store_test.hpp"

#include "base/fault.hpp"
#include "base/log.hpp"

namespace mirror::engine {

namespace {

namespace log = base::log;

constexpr std::size_t k_owners = 3;  // tried by login and impersonation; more refusals could lock an account

StoreTest unknown_store(const std::string& name) {
  StoreTest test;
  TestStep settings;
  settings.name = "settings";
  settings.outcome = "failed";
  settings.detail = fmt::format("there is no store {}", name);
  settings.hint = "mirrorctl store list shows those there are.";
  test.steps.push_back(std::move(settings));
  return test;
}

Task<void> run_one(World& world, const db::RunRecord& run) {
  log::info("run.started", "a store test started", {{"run", fmt::format("{}", run.id)}, {"store", run.mask}});
  // The row as it is now: the test often follows a change by seconds.
  co_await world.book.reload();
  auto subject = co_await db::load_store_subject(world.pool, run.mask, k_owners);
  auto store = subject ? world.book.store(subject->id) : nullptr;
  StoreTest test;
  if (store)
    test = co_await test_store(world, std::move(store), std::move(*subject), run.id);
  else
    test = unknown_store(run.mask);
  const bool passed = test.passed();
  const bool ours = co_await db::finish_run(world.pool, run.id, world.settings.node,
                                            passed ? "done" : "failed", to_json(test));
  if (!ours) co_return;
  log::info("run.finished", "a store test ended",
            {{"run", fmt::format("{}", run.id)}, {"store", run.mask}, {"passed", passed ? "yes" : "no"}});
}

}  // namespace

Task<void> run_store_tests(World& world, Wake& wake) {
  for (;;) {
    base::fault_throw("store_test");
    const auto run = co_await db::take_run(world.pool, world.settings.node, {"store_test"});
    if (run)
      co_await run_one(world, *run);
    else
      co_await wake.wait(Millis(1000));
  }
}

}  // namespace mirror::engine
