// SPDX-License-Identifier: Apache-2.0
#pragma once

// A profile: what is particular about a kind of server, as data (etc/profiles/NAME.toml). The code never asks
// which server it talks to.

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "base/failure.hpp"
#include "imap/types.hpp"
#include "mirror/plan/greetings.hpp"

namespace mirror::engine {

struct Profile {
  std::string name;
  std::vector<std::string> exclude_folders;   // masks out by default: shared and virtual namespaces
  std::set<std::string> exclude_attributes;   // "\\all"
  std::vector<std::string> greeting_folders;  // masks
  plan::GreetingRule greeting_rule;           // besides: what makes a message of any folder a greeting
  std::string refused_characters;             // in folder names, as a target
  std::string refused_first;
  std::set<imap::Cap> hidden;             // offered, but not to be trusted there
  std::string watch = "auto";             // auto (NOTIFY, else IDLE, else poll), idle, poll, push
  std::vector<std::string> idle_folders;  // watched by IDLE, in this order
  std::set<imap::Cap> required;           // the minimum: a store without these is refused
};

// Reads NAME.toml of a directory. Fails with MRD-CONF-0xx naming file, line and column.
base::Result<Profile> load_profile(const std::string& directory, const std::string& name);

}  // namespace mirror::engine
