// SPDX-License-Identifier: Apache-2.0
#include "mirror/watch.hpp"

#include <boost/asio/this_coro.hpp>

#include "base/fault.hpp"
#include "mirror/watchers.hpp"
#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

constexpr Millis k_settled{1000};  // the watched set is asked for this often, and on every wake-up
constexpr Millis k_flush{1000};

Task<void> flush_often(Heard& heard) {
  for (;;) {
    co_await net::sleep_for(k_flush);
    co_await heard.flush();
  }
}

// What watching is done by: another one is another start for everybody.
struct Terms {
  bool open = false;
  std::uint64_t generation = 0;
  bool operator==(const Terms&) const = default;
};

Task<void> keep_watchers(World& world, Gate& gate, Wake& config, Watchers& watchers, net::TaskGroup& common) {
  Terms current;
  for (;;) {
    base::fault_throw("watch");
    const Terms terms{gate.open(), world.book.generation()};
    if (terms != current) co_await watchers.end();
    current = terms;
    if (terms.open) co_await watchers.become(co_await db::load_watched(world.pool));
    co_await config.wait(k_settled);
    co_await watchers.check();
    if (common.size() == 0) co_await common.join();  // tells why it ended
  }
}

}  // namespace

Task<void> watch(World& world, Gate& gate, Wake& config) {
  const auto executor = co_await net::asio::this_coro::executor;
  Heard heard(world);
  net::TaskGroup common(executor);
  Watchers watchers(world, heard, executor);
  common.spawn("heard", flush_often(heard));
  std::exception_ptr error;
  try {
    co_await keep_watchers(world, gate, config, watchers, common);
  } catch (...) {
    error = std::current_exception();
  }
  co_await net::asio::this_coro::reset_cancellation_state(net::asio::disable_cancellation());
  co_await watchers.end();
  common.cancel();
  try {
    co_await common.join();
  } catch (const std::exception&) {
    // the first error is the one to tell
  }
  std::rethrow_exception(error);
}

}  // namespace mirror::engine
