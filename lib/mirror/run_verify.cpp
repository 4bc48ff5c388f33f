// SPDX-License-Identifier: Apache-2.0
#include "mirror/run_verify.hpp"

#include <boost/json.hpp>

#include "base/fault.hpp"
#include "base/log.hpp"
#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

namespace json = boost::json;
namespace log = base::log;

constexpr std::size_t k_shown = 200;  // differences per mailbox kept in the report
constexpr std::size_t k_at_once = 50;
constexpr int k_looks = 3;  // a mailbox in live traffic may differ for a moment
constexpr Millis k_between{1500};

std::string detail_of(const VerifyResult& result) {
  json::array differences;
  for (const auto& d : result.differences) {
    if (differences.size() >= k_shown) break;
    differences.push_back({{"folder", d.folder},
                           {"kind", d.kind},
                           {"source_uid", base::raw(d.source)},
                           {"target_uid", base::raw(d.target)},
                           {"text", d.text}});
  }
  json::object detail{{"messages", result.messages},
                      {"known_extras", result.known_extras},
                      {"digest_source", result.digest_source},
                      {"digest_target", result.digest_target},
                      {"difference_count", result.differences.size()}};
  detail["differences"] = std::move(differences);
  return json::serialize(detail);
}

std::string failure_detail(const Failure& failure) {
  return json::serialize(json::object{{"code", std::string(failure.code())},
                                      {"text", failure.text()},
                                      {"next_step", std::string(failure.next_step())}});
}

Task<void> verify_one(World& world, const db::RunRecord& run, db::RunMailbox mailbox) {
  std::string state, detail;
  try {
    VerifyResult result;
    for (int look = 0; look < k_looks; ++look) {
      if (look > 0) co_await net::sleep_for(k_between);
      result = co_await verify_mailbox(world, mailbox, run.deep);
      if (result.equal()) break;
    }
    for (auto& [key, sources] : result.wrong_rows)
      co_await db::suspect_rows(world.pool, key, std::move(sources));
    state = result.equal() ? "equal" : "differs";
    detail = detail_of(result);
  } catch (const base::Failed& failed) {
    if (failed.failure().scope() == base::Scope::process) throw;
    state = "failed";
    detail = failure_detail(failed.failure());
  }
  co_await db::finish_run_mailbox(world.pool, run.id, mailbox.id, state, detail);
}

Task<void> work_through(World& world, db::RunRecord run) {
  log::info("run.started", "a verify run started", {{"run", fmt::format("{}", run.id)}, {"mask", run.mask}});
  for (;;) {
    const auto mailboxes = co_await db::waiting_mailboxes(world.pool, run.id, k_at_once);
    if (mailboxes.empty()) break;
    for (const auto& mailbox : mailboxes) {
      if (co_await db::run_cancelled(world.pool, run.id)) co_return;
      co_await verify_one(world, run, mailbox);
    }
  }
  co_await db::mark_run_dirty(world.pool, run.id);  // ends a run without mailboxes
}

}  // namespace

Task<void> run_verify(World& world, Wake& wake) {
  for (;;) {
    base::fault_throw("verify");
    const auto run = co_await db::take_run(world.pool, world.settings.node, {"verify"});
    if (run)
      co_await work_through(world, *run);
    else
      co_await wake.wait(Millis(1000));
  }
}

}  // namespace mirror::engine
