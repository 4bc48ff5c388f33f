// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/command.hpp"
#include "cli/exit_codes.hpp"

namespace mirror::cli {

namespace {

// The daemon's program owns the schema; mirrorctl only finds it: beside itself, else by PATH.
std::string daemon_program() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    for (const auto& place :
         {self.parent_path() / "mirrord", self.parent_path().parent_path() / "sbin" / "mirrord"})
      if (::access(place.c_str(), X_OK) == 0) return place.string();
  }
  return "mirrord";
}

int exec_daemon(const Invocation& invocation, const char* verb) {
  const std::string program = daemon_program();
  const std::string settings = invocation.text("config");
  std::vector<const char*> words{program.c_str(), "db", verb};
  if (!settings.empty()) {
    words.push_back("--config");
    words.push_back(settings.c_str());
  }
  words.push_back(nullptr);
  ::execvp(program.c_str(), const_cast<char* const*>(words.data()));
  throw Ended(k_failed, program + ": " + std::strerror(errno));
}

int init(Invocation& invocation) {
  return exec_daemon(invocation, "init");
}
int migrate(Invocation& invocation) {
  return exec_daemon(invocation, "migrate");
}
int status(Invocation& invocation) {
  return exec_daemon(invocation, "status");
}

}  // namespace

void add_db_commands(Commands& commands) {
  const Option config{"config", "the daemon's settings file", "PATH", false};
  commands.push_back({{"db", "init"}, "create the schema", {}, {config}, init});
  commands.push_back({{"db", "migrate"}, "apply what is missing", {}, {config}, migrate});
  commands.push_back({{"db", "status"}, "which migrations are applied", {}, {config}, status});
}

}  // namespace mirror::cli
