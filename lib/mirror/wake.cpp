// SPDX-License-Identifier: Apache-2.0
#include "mirror/wake.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/cancelled.hpp"

namespace mirror::engine {

void Wake::signal() {
  signalled_ = true;
  timer_.cancel();
}

net::Task<void> Wake::wait(std::chrono::milliseconds limit) {
  if (!std::exchange(signalled_, false)) {
    timer_.expires_after(limit);
    boost::system::error_code error;
    co_await timer_.async_wait(net::asio::redirect_error(net::asio::use_awaitable, error));
    signalled_ = false;
    // A signal cancels the timer as well; only our own cancellation ends the coroutine.
    const auto state = co_await net::asio::this_coro::cancellation_state;
    if (state.cancelled() != net::asio::cancellation_type::none) net::throw_cancelled();
  }
}

}  // namespace mirror::engine
