// SPDX-License-Identifier: Apache-2.0
#include "mirror/hooks.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <thread>
#include <vector>

#include "base/log.hpp"

namespace mirror::engine {

namespace {

namespace fs = std::filesystem;
namespace log = base::log;

constexpr auto k_limit = std::chrono::seconds(30);

std::vector<std::string> hooks_of(const std::string& directory) {
  std::vector<std::string> hooks;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error))
    if (entry.is_regular_file() && ::access(entry.path().c_str(), X_OK) == 0)
      hooks.push_back(entry.path().string());
  std::sort(hooks.begin(), hooks.end());
  return hooks;
}

void run_one(const std::string& hook, const std::string& state, const std::string& before,
             const std::string& reason) {
  std::array<char*, 5> argv{const_cast<char*>(hook.c_str()), const_cast<char*>(state.c_str()),
                            const_cast<char*>(before.c_str()), const_cast<char*>(reason.c_str()), nullptr};
  std::array<char*, 2> environment{const_cast<char*>("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), nullptr};
  pid_t pid = 0;
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int spawned =
      ::posix_spawn(&pid, hook.c_str(), nullptr, &attributes, argv.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  if (spawned != 0) {
    log::error("hook.failed", "a hook could not be started", {{"hook", hook}, {"code", "MRD-BASE-008"}});
    return;
  }
  const auto deadline = std::chrono::steady_clock::now() + k_limit;
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      ::kill(-pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      log::error("hook.slow", "a hook ran too long and was ended",
                 {{"hook", hook}, {"code", "MRD-BASE-008"}});
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    log::error("hook.failed", "a hook failed",
               {{"hook", hook}, {"status", std::to_string(status)}, {"code", "MRD-BASE-008"}});
}

}  // namespace

net::Task<void> run_hooks(net::Offload& offload, std::string directory, std::string state, std::string before,
                          std::string reason) {
  if (directory.empty()) co_return;
  std::function<void(std::size_t)> work = [&](std::size_t) {
    for (const auto& hook : hooks_of(directory)) run_one(hook, state, before, reason);
  };
  co_await offload.run(std::move(work));
}

}  // namespace mirror::engine
