// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/barrier.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/cancelled.hpp"

namespace mirror::directory {

namespace asio = net::asio;

bool Barrier::in_the_way(std::string_view a, std::string_view b) noexcept {
  if (a.size() < b.size()) std::swap(a, b);
  if (a == b || b.empty()) return true;
  return a.ends_with(b) && a[a.size() - b.size() - 1] == ',';
}

net::Task<Barrier::Turn> Barrier::enter(std::string key) {
  const auto blocked = [&] {
    return std::ranges::any_of(inside_, [&](const auto& other) { return in_the_way(key, other); });
  };
  while (blocked()) {
    asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    waiting_.insert(&timer);
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    const bool woken = waiting_.erase(&timer) == 0;
    if (error && !woken) net::throw_cancelled();
  }
  co_return Turn(*this, inside_.insert(inside_.end(), std::move(key)));
}

void Barrier::leave(std::list<std::string>::iterator place) {
  inside_.erase(place);
  for (auto* timer : std::exchange(waiting_, {})) timer->cancel();
}

}  // namespace mirror::directory
