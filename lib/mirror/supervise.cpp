// SPDX-License-Identifier: Apache-2.0
#include "mirror/supervise.hpp"

#include <boost/asio/this_coro.hpp>
#include <map>

#include "base/log.hpp"
#include "db/site.hpp"
#include "net/backoff.hpp"
#include "net/cancelled.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

namespace log = base::log;

constexpr Millis k_first{250};
constexpr Millis k_longest{30'000};
constexpr Millis k_healthy{60'000};  // a life this long forgives earlier failures
constexpr Millis k_request_poll{500};

struct Restart : std::exception {
  const char* what() const noexcept override { return "restart requested"; }
};

// A record that cannot be written must not end what it describes.
Task<void> record(World& world, std::string name, std::string state, std::string error, bool restarted) {
  try {
    db::ServiceState service;
    service.name = std::move(name);
    service.state = std::move(state);
    service.error = std::move(error);
    service.restarted = restarted;
    co_await db::save_service(world.pool, world.settings.node, std::move(service));
  } catch (const base::Failed& failed) {
    log::debug("service.unrecorded", "a service state could not be recorded",
               {{"err", failed.failure().detail()}});
  }
}

Task<void> wait_for_request(std::shared_ptr<bool> requested) {
  while (!*requested) co_await net::sleep_for(k_request_poll / 5);
  *requested = false;
  throw Restart();
}

// One life: the service beside the watch for a restart request; the first to end ends the other.
Task<void> one_life(const Service& service, std::shared_ptr<bool> requested) {
  const auto executor = co_await net::asio::this_coro::executor;
  net::TaskGroup group(executor);
  group.spawn(service.name, service.run());
  group.spawn(service.name + " request", wait_for_request(std::move(requested)));
  co_await group.join();
}

Task<void> keep_alive(World& world, Service service, std::shared_ptr<bool> requested) {
  net::Backoff backoff(k_first, k_longest, std::hash<std::string>()(service.name));
  bool restarted = false;
  for (;;) {
    co_await record(world, service.name, "running", "", restarted);
    const auto born = world.clock.now();
    std::string error;
    try {
      co_await one_life(service, requested);
      error = "ended by itself";
    } catch (const Restart& restart) {
      error = restart.what();
    } catch (const std::exception& caught) {
      if (net::is_cancellation(std::current_exception())) throw;
      error = caught.what();
    }
    restarted = true;
    if (world.clock.now() - born > k_healthy) backoff.reset();
    const auto pause = error == Restart().what() ? Millis(0) : backoff.next();
    log::warning("service.restarted", "a service ended and is started again",
                 {{"service", service.name},
                  {"err", error},
                  {"code", "MRD-MIR-019"},
                  {"pause_ms", fmt::to_string(pause.count())}});
    co_await record(world, service.name, "backing_off", error, false);
    if (pause.count() > 0) co_await net::sleep_for(pause);
  }
}

Task<void> serve_requests(World& world, std::map<std::string, std::shared_ptr<bool>> requests) {
  for (;;) {
    co_await net::sleep_for(k_request_poll);
    try {
      for (const auto& name : co_await db::take_restart_requests(world.pool, world.settings.node))
        if (const auto found = requests.find(name); found != requests.end()) *found->second = true;
    } catch (const base::Failed& failed) {
      log::debug("service.requests", "restart requests could not be read",
                 {{"err", failed.failure().detail()}});
    }
  }
}

}  // namespace

Task<void> supervise(World& world, std::vector<Service> services) {
  const auto executor = co_await net::asio::this_coro::executor;
  net::TaskGroup group(executor);
  std::map<std::string, std::shared_ptr<bool>> requests;
  for (auto& service : services) {
    auto requested = std::make_shared<bool>(false);
    requests[service.name] = requested;
    group.spawn("supervisor of " + service.name, keep_alive(world, service, requested));
  }
  group.spawn("restart requests", serve_requests(world, requests));
  co_await group.join();
}

}  // namespace mirror::engine
