// SPDX-License-Identifier: Apache-2.0
#pragma once

// A server's folders as far as RENAME sees them (RFC 9051 section 6.3.6): names with an identity that no
// client can see; a name in use is refused, inferiors move along.

#include <map>
#include <optional>
#include <set>
#include <string>

namespace mirror::test {

class NameShelf {
 public:
  explicit NameShelf(char delimiter) : delimiter_(delimiter) {}

  void put(const std::string& name, int identity) { folders_[name] = identity; }
  const std::map<std::string, int>& folders() const { return folders_; }

  // What the server would say no to; nullopt when it was done.
  std::optional<std::string> rename(const std::string& from, const std::string& to) {
    if (!folders_.contains(from)) return from + " does not exist";
    if (folders_.contains(to) || superiors_.contains(to)) return to + " exists";
    if (below(to, from)) return to + " is below " + from;
    std::map<std::string, int> moved;
    for (auto it = folders_.begin(); it != folders_.end();) {
      if (it->first != from && !below(it->first, from)) {
        ++it;
        continue;
      }
      moved[to + it->first.substr(from.size())] = it->second;
      it = folders_.erase(it);
    }
    for (const auto& [name, identity] : moved)
      if (!folders_.emplace(name, identity).second) return name + " exists";
    make_superiors(to);
    return std::nullopt;
  }

 private:
  // As a server with directories does: names that can be listed, not selected, and not taken by a RENAME.
  void make_superiors(const std::string& name) {
    for (auto at = name.find(delimiter_); delimiter_ != 0 && at != std::string::npos;
         at = name.find(delimiter_, at + 1))
      if (!folders_.contains(name.substr(0, at))) superiors_.insert(name.substr(0, at));
  }
  bool below(const std::string& name, const std::string& ancestor) const {
    return delimiter_ != 0 && name.starts_with(ancestor + delimiter_);
  }
  char delimiter_;
  std::map<std::string, int> folders_;
  std::set<std::string> superiors_;
};

}  // namespace mirror::test
