// SPDX-License-Identifier: Apache-2.0
// mirrord: settings, the object graph, signals, drain. Thin on purpose.

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "db/listen.hpp"
#include "db/migrate.hpp"
#include "http/server.hpp"
#include "mirror/control.hpp"
#include "mirror/directory/run.hpp"
#include "mirror/dispatch.hpp"
#include "mirror/run_estimate.hpp"
#include "mirror/run_store_test.hpp"
#include "mirror/run_verify.hpp"
#include "mirror/schedule.hpp"
#include "mirror/supervise.hpp"
#include "mirror/watch.hpp"
#include "net/cancelled.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "push.hpp"
#include "settings.hpp"

namespace mirror::daemon {

namespace {

namespace asio = boost::asio;
namespace log = base::log;
using net::Task;

constexpr int k_bad_settings = 78;  // sysexits: EX_CONFIG
constexpr int k_unavailable = 69;   // EX_UNAVAILABLE
constexpr auto k_drain_limit = std::chrono::seconds(20);

std::vector<std::string> profile_names(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    if (entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
  return names;
}

http::Settings http_settings(const DaemonSettings& s, std::shared_ptr<const base::Sealer> sealer) {
  http::Settings h;
  h.socket_path = s.control_socket;
  h.group = s.control_group;
  h.sealer = std::move(sealer);
  h.profiles = profile_names(s.engine.profile_directory);
  h.schema_directory = s.schema_directory;
  h.version = MIRROR_VERSION;
  h.commit = MIRROR_COMMIT;
  return h;
}

// Everything the daemon is made of; lives as long as the loop.
struct Daemon {
  Daemon(asio::io_context& loop, const DaemonSettings& s, std::shared_ptr<const base::Sealer> key)
      : settings(s),
        sealer(std::move(key)),
        pool({s.database, s.database_workers, true}),
        offload(2),
        book(pool, sealer.get(), s.engine.profile_directory, clock, s.engine.silence),
        sessions(pool, book, settings.engine, clock),
        world{pool, book, sessions, settings.engine, clock},
        site_wake(loop.get_executor()),
        work_wake(loop.get_executor()),
        timer_wake(loop.get_executor()),
        config_wake(loop.get_executor()),
        run_wake(loop.get_executor()),
        test_wake(loop.get_executor()),
        estimate_wake(loop.get_executor()),
        directory_wake(loop.get_executor()),
        server(http_settings(s, sealer), pool) {}

  DaemonSettings settings;
  std::shared_ptr<const base::Sealer> sealer;
  base::BootClock clock;
  db::Pool pool;
  net::Offload offload;
  engine::StoreBook book;
  engine::Sessions sessions;
  engine::World world;
  engine::Gate gate;
  engine::Wake site_wake, work_wake, timer_wake, config_wake, run_wake, test_wake, estimate_wake,
      directory_wake;
  directory::Context directory{pool,
                               sealer.get(),
                               gate,
                               clock,
                               settings.engine.node,
                               settings.engine.silence,
                               settings.engine.send_within};
  http::Server server;
};

void on_wake(Daemon& d, const std::string& channel, const std::string& what) {
  if (channel == "mirrord_event" || channel.empty()) d.server.wake_events();
  if (channel == "mirrord_event") return;
  if (what == "site" || what.empty()) d.site_wake.signal();
  if (what == "dirty" || what.empty()) d.work_wake.signal();
  if (what == "runs" || what.empty()) {
    d.timer_wake.signal();
    d.run_wake.signal();
    d.test_wake.signal();
    d.estimate_wake.signal();
    d.directory_wake.signal();
  }
  if (what == "config" || what.empty()) d.config_wake.signal();
}

// Configuration is read anew when somebody says so, and slowly besides.
Task<void> keep_book(Daemon& d, engine::Wake& wake) {
  for (;;) {
    co_await d.book.reload();
    co_await wake.wait(std::chrono::milliseconds(5000));
  }
}

std::vector<engine::Service> services_of(Daemon& d, engine::Wake& book_wake) {
  std::vector<engine::Service> services;
  services.push_back({"configuration", [&] { return keep_book(d, book_wake); }});
  services.push_back({"control", [&] {
                        return engine::control(d.world, d.gate, d.site_wake, {&d.work_wake, &d.timer_wake},
                                               d.offload);
                      }});
  services.push_back({"watch", [&] { return engine::watch(d.world, d.gate, d.config_wake); }});
  services.push_back({"reconcile", [&] { return engine::dispatch(d.world, d.gate, d.work_wake); }});
  services.push_back({"schedule", [&] { return engine::schedule(d.world, d.gate, d.timer_wake); }});
  services.push_back({"probe", [&] { return engine::probe_stores(d.world, d.gate, d.work_wake); }});
  services.push_back({"verify", [&] { return engine::run_verify(d.world, d.run_wake); }});
  services.push_back({"store-test", [&] { return engine::run_store_tests(d.world, d.test_wake); }});
  services.push_back({"estimate", [&] { return engine::run_estimates(d.world, d.gate, d.estimate_wake); }});
  services.push_back({"directory", [&] { return directory::run_directory(d.directory, d.directory_wake); }});
  services.push_back({"http", [&] { return d.server.run(); }});
  if (!d.settings.push.listen.empty())
    services.push_back({"push", [&] { return run_push(d.world, d.settings.push); }});
  for (const auto& stream : d.settings.streams)
    services.push_back(
        {"stream " + stream.store, [&d, &stream] { return engine::run_stream(d.world, stream); }});
  return services;
}

Task<void> watchdog(Daemon& d) {
  std::uint64_t interval = 0;
  if (::sd_watchdog_enabled(0, &interval) <= 0) interval = 20'000'000;
  for (;;) {
    ::sd_notify(0, "WATCHDOG=1");
    ::sd_notifyf(0, "STATUS=%s, %zu mailboxes in work", d.gate.open() ? "mirroring" : "not mirroring",
                 d.gate.inside());
    co_await net::sleep_for(std::chrono::milliseconds(interval / 2000));
  }
}

// Waits for the database at the start: a daemon that boots before PostgreSQL is no failure.
Task<void> wait_for_database(Daemon& d) {
  const auto migrations = db::read_migrations(d.settings.schema_directory);
  for (int attempt = 0;; ++attempt) {
    std::optional<base::Failure> failure;
    try {
      co_await db::require_current(d.pool, migrations);
      co_return;
    } catch (const base::Failed& failed) {
      failure = failed.failure();
    }
    if (failure->code() == "MRD-DB-003" || failure->code() == "MRD-DB-004") throw base::Failed(*failure);
    if (attempt % 10 == 0)
      log::warning("db.waiting", "waiting for the database",
                   {{"code", std::string(failure->code())}, {"err", failure->detail()}});
    co_await net::sleep_for(std::chrono::milliseconds(500));
  }
}

Task<void> run_services(Daemon& d, asio::io_context& loop) {
  co_await wait_for_database(d);
  co_await engine::join_site(d.world);
  co_await d.book.reload();
  engine::Wake book_wake(loop.get_executor());
  const auto wake = [&](const std::string& channel, const std::string& what) {
    on_wake(d, channel, what);
    if (what == "config" || what.empty()) book_wake.signal();
  };
  net::TaskGroup group(loop.get_executor());
  db::ListenSettings listen;
  listen.connection = d.settings.database;
  listen.channels = {"mirrord_wake", "mirrord_event"};
  group.spawn("listen", db::listen(std::move(listen), d.offload, wake));
  group.spawn("watchdog", watchdog(d));
  group.spawn("services", engine::supervise(d.world, services_of(d, book_wake)));
  ::sd_notify(0, "READY=1");
  log::info("daemon.started", "mirrord runs",
            {{"version", MIRROR_VERSION}, {"commit", MIRROR_COMMIT}, {"node", d.settings.engine.node}});
  co_await group.join();
}

// A second signal, or a drain that takes too long, ends the process at once: every step is journalled, so
// nothing is lost by that.
Task<void> until_signalled(asio::io_context& loop) {
  asio::signal_set signals(loop, SIGTERM, SIGINT);
  const auto [error, number] = co_await signals.async_wait(asio::as_tuple(asio::use_awaitable));
  if (error) net::throw_cancelled();
  log::info("daemon.stopping", "stopping; work in flight ends at a safe point",
            {{"signal", std::to_string(number)}});
  ::sd_notify(0, "STOPPING=1");
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  std::thread([] {
    std::this_thread::sleep_for(k_drain_limit);
    std::_Exit(0);
  }).detach();
  throw std::system_error(std::make_error_code(std::errc::operation_canceled), "signal");
}

struct Stopped : std::exception {};

Task<void> until_stopped(asio::io_context& loop) {
  try {
    co_await until_signalled(loop);
  } catch (const std::system_error&) {
  }
  throw Stopped();
}

Task<void> main_task(Daemon& d, asio::io_context& loop, int& exit_code) {
  net::TaskGroup group(loop.get_executor());
  group.spawn("signals", until_stopped(loop));
  group.spawn("daemon", run_services(d, loop));
  try {
    co_await group.join();
  } catch (const Stopped&) {
    exit_code = 0;
  } catch (const base::Failed& failed) {
    const auto& failure = failed.failure();
    log::error("daemon.failed", "mirrord cannot run",
               {{"code", std::string(failure.code())},
                {"err", failure.detail()},
                {"next", std::string(failure.next_step())}});
    exit_code = failure.retry() == base::Retry::never ? k_bad_settings : k_unavailable;
  } catch (const std::exception& error) {
    log::error("daemon.failed", "mirrord cannot run", {{"code", "MRD-BASE-002"}, {"err", error.what()}});
    exit_code = 1;
  }
  d.sessions.close_idle(true);
}

int run_daemon(const DaemonSettings& settings) {
  std::shared_ptr<const base::Sealer> sealer;
  if (!settings.key_file.empty()) {
    auto key = base::Sealer::from_file(settings.key_file);
    if (!key) {
      log::error("daemon.key", "the key cannot be used",
                 {{"code", std::string(key.error().code())}, {"err", key.error().detail()}});
      return k_bad_settings;
    }
    sealer = std::make_shared<base::Sealer>(std::move(*key));
  }
  asio::io_context loop(1);
  int exit_code = 1;
  {
    Daemon daemon(loop, settings, std::move(sealer));
    asio::co_spawn(loop, main_task(daemon, loop, exit_code), [](const std::exception_ptr&) {});
    loop.run();
    daemon.pool.join();
    daemon.offload.join();
  }
  log::info("daemon.stopped", "mirrord has stopped");
  return exit_code;
}

int run_database_verb(const DaemonSettings& settings, const std::string& verb) {
  asio::io_context loop(1);
  int exit_code = 1;
  db::Pool pool({settings.database, 1, true});
  const auto work = [](db::Pool& p, std::string directory, std::string what, int& code) -> Task<void> {
    try {
      auto migrations = db::read_migrations(directory);
      if (what != "status") fmt::print("{} migrations applied\n", co_await db::migrate(p, migrations));
      bool current = true;
      for (const auto& m : co_await db::migration_status(p, std::move(migrations))) {
        fmt::print("{:04} {} {}\n", m.version, m.name, m.applied ? "applied" : "missing");
        current = current && m.applied;
      }
      code = current ? 0 : 5;
    } catch (const base::Failed& failed) {
      fmt::print(stderr, "mirrord: {}\n{}\n", failed.failure().text(), failed.failure().next_step());
      code = 1;
    }
  };
  asio::co_spawn(loop, work(pool, settings.schema_directory, verb, exit_code),
                 [](const std::exception_ptr&) {});
  loop.run();
  pool.join();
  return exit_code;
}

void print_help() {
  fmt::print(
      "mirrord keeps a message store a live copy of another.\n\n"
      "  mirrord [--config FILE]               run (default /etc/mirrord/mirrord.toml)\n"
      "  mirrord [--config FILE] check         read the settings, say what is wrong, exit 78 if anything is\n"
      "  mirrord [--config FILE] db init       apply the schema (also: db migrate, db status)\n"
      "  mirrord generate-key                  print a new key for sealing credentials\n"
      "  mirrord --version\n");
}

}  // namespace

int run(int argc, char** argv) {
  std::string config = "/etc/mirrord/mirrord.toml";
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--config" && i + 1 < argc)
      config = argv[++i];
    else if (word == "--version")
      return fmt::print("mirrord {} ({})\n", MIRROR_VERSION, MIRROR_COMMIT), 0;
    else if (word == "--help" || word == "-h")
      return print_help(), 0;
    else
      words.push_back(word);
  }
  if (words == std::vector<std::string>{"generate-key"})
    return fmt::print("{}\n", base::Sealer::generate_key()), 0;
  const bool check = words == std::vector<std::string>{"check"};
  const bool database = words.size() == 2 && words[0] == "db" &&
                        (words[1] == "init" || words[1] == "migrate" || words[1] == "status");
  if (!words.empty() && !check && !database) return print_help(), 2;
  auto loaded = load_settings(config);
  loaded.settings.engine.version = MIRROR_VERSION;
  for (const auto& error : loaded.errors) fmt::print(stderr, "{}\n", error.format());
  if (!loaded.errors.empty()) return k_bad_settings;
  if (check) return fmt::print("{}: good\n", config), 0;
  log::configure(loaded.settings.log_level, loaded.settings.log_format);
  if (database) return run_database_verb(loaded.settings, words[1]);
  if (::geteuid() == 0) {
    fmt::print(stderr, "mirrord: refuses to run as root; use an account of its own\n");
    return k_bad_settings;
  }
  return run_daemon(loaded.settings);
}

}  // namespace mirror::daemon

int main(int argc, char** argv) {
  return mirror::daemon::run(argc, argv);
}
