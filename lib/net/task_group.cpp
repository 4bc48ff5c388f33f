// SPDX-License-Identifier: Apache-2.0
#include "net/task_group.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <vector>

#include "base/log.hpp"
#include "net/cancelled.hpp"

namespace mirror::net {
namespace {

struct Child {
  std::string name;
  asio::cancellation_signal stop;
};

std::string words_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    return caught.what();
  } catch (...) {
    return "not a std::exception";
  }
}

}  // namespace

struct TaskGroup::State {
  explicit State(asio::any_io_executor where) : executor(std::move(where)), all_ended(executor) {}

  void cancel() {
    stopping = true;
    // A child may end while the others are told: hold them all.
    std::vector<std::shared_ptr<Child>> held;
    for (const auto& [number, child] : children) held.push_back(child);
    for (const auto& child : held) child->stop.emit(asio::cancellation_type::all);
  }

  void ended(std::uint64_t number, const std::exception_ptr& error) {
    const auto at = children.find(number);
    const auto child = at->second;
    children.erase(at);
    // The cancellation slot is still referred to while this handler unwinds.
    asio::post(executor, [child] {});
    if (error && !is_cancellation(error)) {
      base::log::debug("task.failed", "a task failed", {{"task", child->name}, {"error", words_of(error)}});
      if (!first_error) {
        first_error = error;
        cancel();
      }
    }
    if (children.empty()) all_ended.cancel();
  }

  asio::any_io_executor executor;
  asio::steady_timer all_ended;  // never expires; cancelled when the last child has ended
  std::map<std::uint64_t, std::shared_ptr<Child>> children;
  std::uint64_t next_number = 0;
  std::exception_ptr first_error;
  bool stopping = false;  // until joined: a child spawned now is told at once
};

TaskGroup::TaskGroup(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() {
  // Children hold the state, so nothing of the group dangles; but an unjoined group is a bug unless the loop
  // itself is torn down. Not at once: this may run inside a child's own unwinding.
  if (state_->children.empty()) return;
  base::log::warning("task.unjoined", "a task group ended before its tasks",
                     {{"tasks", std::to_string(state_->children.size())}});
  asio::post(state_->executor, [state = state_] { state->cancel(); });
}

void TaskGroup::spawn(std::string name, Task<void> task) {
  const auto number = state_->next_number++;
  auto child = std::make_shared<Child>();
  child->name = std::move(name);
  state_->children.emplace(number, child);
  asio::co_spawn(state_->executor, std::move(task),
                 asio::bind_cancellation_slot(child->stop.slot(),
                                              [state = state_, number](const std::exception_ptr& error) {
                                                state->ended(number, error);
                                              }));
  if (state_->stopping) child->stop.emit(asio::cancellation_type::all);
}

void TaskGroup::cancel() {
  state_->cancel();
}

std::size_t TaskGroup::size() const {
  return state_->children.size();
}

Task<void> TaskGroup::join() {
  const auto state = state_;
  // A cancelled waiter still has to wait for its children.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto waiter = co_await asio::this_coro::cancellation_state;
  const auto cancelled = [&] { return waiter.cancelled() != asio::cancellation_type::none; };
  while (!state->children.empty()) {
    if (cancelled()) state->cancel();
    if (state->children.empty()) break;
    state->all_ended.expires_at(asio::steady_timer::time_point::max());
    co_await state->all_ended.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  state->stopping = false;
  if (const auto error = std::exchange(state->first_error, nullptr)) std::rethrow_exception(error);
  if (cancelled()) throw_cancelled();
}

}  // namespace mirror::net
