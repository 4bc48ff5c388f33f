// SPDX-License-Identifier: Apache-2.0
#include "net/timeout.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/failure.hpp"

namespace mirror::net {

namespace detail {

Task<void> run_limited(Task<void> task, std::chrono::milliseconds limit, std::string what) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, limit);
  auto both = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, std::move(task), asio::deferred), timer.async_wait(asio::deferred));
  const auto [order, error, timer_error] =
      co_await std::move(both).async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  // A task that ended well although it was asked to stop keeps its result: octets read or a commit made are
  // not lost.
  if (!error) co_return;
  const bool timed_out = order[0] == 1 && !timer_error;
  if (timed_out)
    throw base::Failed(
        base::Failure("MRD-NET-002", fmt::format("{}: no end after {} ms", what, limit.count())));
  std::rethrow_exception(error);
}

}  // namespace detail

Task<void> sleep_for(Millis pause) {
  asio::steady_timer timer(co_await asio::this_coro::executor, pause);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace mirror::net
