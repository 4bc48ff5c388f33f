// SPDX-License-Identifier: Apache-2.0
#include "net/offload.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/failure.hpp"

namespace mirror::net {
namespace {

struct Job {
  const std::function<void(std::size_t)>* work;    // in the awaiting frame
  std::function<void(std::exception_ptr)> finish;  // called once; hands the handler back to its loop
};

}  // namespace

struct Offload::State {
  void serve(std::size_t worker) {
    for (;;) {
      Job job;
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [this] { return closed || !jobs.empty(); });
        if (jobs.empty()) return;
        job = std::move(jobs.front());
        jobs.pop_front();
      }
      std::exception_ptr error;
      try {
        (*job.work)(worker);
      } catch (...) {
        error = std::current_exception();
      }
      job.finish(std::move(error));
    }
  }

  bool push(Job job) {
    {
      const std::lock_guard lock(mutex);
      if (closed) return false;
      jobs.push_back(std::move(job));
    }
    wake.notify_one();
    return true;
  }

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Job> jobs;
  bool closed = false;
  std::vector<std::thread> threads;
};

Offload::Offload(std::size_t threads) : state_(std::make_unique<State>()) {
  for (std::size_t worker = 0; worker < threads; ++worker)
    state_->threads.emplace_back([state = state_.get(), worker] { state->serve(worker); });
}

Offload::~Offload() {
  join();
}

Task<void> Offload::run(std::function<void(std::size_t)> work) {
  const auto start = [this, &work](auto handler) {
    using Handler = decltype(handler);
    const auto executor = asio::get_associated_executor(handler);
    // The guard keeps the loop alive; the handler goes back whole, so that no frame is destroyed on a worker.
    auto finish = [held = std::make_shared<Handler>(std::move(handler)),
                   guard = asio::make_work_guard(executor)](std::exception_ptr error) mutable {
      asio::post(guard.get_executor(),
                 [back = std::move(held), error = std::move(error)] { std::move (*back)(error); });
      guard.reset();
    };
    const auto kept = std::make_shared<decltype(finish)>(std::move(finish));
    const auto finish_once = [kept](std::exception_ptr error) { (*kept)(std::move(error)); };
    if (!state_->push(Job{&work, finish_once}))
      finish_once(std::make_exception_ptr(
          base::Failed(base::Failure("MRD-BASE-002", "work was given to threads that have ended"))));
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(start,
                                                                                         asio::use_awaitable);
}

void Offload::join() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
  }
  state_->wake.notify_all();
  for (auto& thread : state_->threads)
    if (thread.joinable()) thread.join();
}

}  // namespace mirror::net
