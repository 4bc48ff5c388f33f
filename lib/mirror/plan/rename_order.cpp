// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "mirror/plan/folder_plan.hpp"

namespace mirror::plan {

namespace {

// Where a folder is now, and where it has to be at the end.
struct Mover {
  std::string at;
  std::string goal;
  bool parked = false;
  bool pending() const { return at != goal; }
};

// The target as far as the renames touch it. RFC 9051 section 6.3.6: RENAME takes the inferiors along.
class Shuffle {
 public:
  Shuffle(std::vector<RenameStep> wanted, std::string temporary_prefix, char delimiter)
      : prefix_(std::move(temporary_prefix)), delimiter_(delimiter) {
    for (auto& step : wanted) movers_.push_back({std::move(step.from), std::move(step.to)});
  }

  std::vector<RenameStep> run() {
    // Every mover is parked once at most and comes home; contradicting wishes must not loop for ever.
    const std::size_t limit = 8 * movers_.size() + 8;
    while (steps_.size() < limit && (go_home(true) || go_home(false) || park(true) || park(false))) {
    }
    // Two folders wanted under one name: the server's own refusal is the answer.
    for (const auto& mover : movers_)
      if (mover.pending()) steps_.push_back({mover.at, mover.goal});
    return std::move(steps_);
  }

 private:
  bool below(const std::string& name, const std::string& ancestor) const {
    return is_below(name, ancestor, delimiter_);
  }

  // Something above this name still has to move: what is done here would be carried away.
  bool unsettled_above(const std::string& name) const {
    return std::any_of(movers_.begin(), movers_.end(),
                       [&](const Mover& m) { return m.pending() && below(name, m.at); });
  }

  bool taken(const std::string& name, const Mover& mover) const {
    return std::any_of(movers_.begin(), movers_.end(), [&](const Mover& m) {
      return m.at == name && &m != &mover && !below(m.at, mover.at);
    });
  }

  // Some servers make the superiors of a new name, and refuse them as the goal of a rename from then on.
  bool wanted_above(const std::string& name) const {
    return std::any_of(movers_.begin(), movers_.end(),
                       [&](const Mover& m) { return m.pending() && below(name, m.goal); });
  }

  bool can_go(const Mover& mover, const std::string& to) const {
    if (wanted_above(to)) return false;
    if (taken(to, mover) || below(to, mover.at) || unsettled_above(to)) return false;
    return std::none_of(movers_.begin(), movers_.end(), [&](const Mover& m) {
      return below(m.at, mover.at) && taken(to + m.at.substr(mover.at.size()), mover);
    });
  }

  void go(const Mover& mover, const std::string& to) {
    const std::string from = mover.at;
    steps_.push_back({from, to});
    for (auto& m : movers_)
      if (m.at == from || below(m.at, from)) m.at = to + m.at.substr(from.size());
  }

  // roots: first those that nothing above will carry.
  bool go_home(bool roots) {
    for (const auto& mover : movers_) {
      if (!mover.pending() || (roots && unsettled_above(mover.at)) || !can_go(mover, mover.goal)) continue;
      go(mover, std::string(mover.goal));
      return true;
    }
    return false;
  }

  // Only cycles and the like are left: break one.
  bool park(bool roots) {
    for (auto& mover : movers_) {
      if (!mover.pending() || mover.parked || (roots && unsettled_above(mover.at))) continue;
      mover.parked = true;
      std::string to = prefix_ + std::to_string(++parked_);
      while (!can_go(mover, to)) to = prefix_ + std::to_string(++parked_);
      go(mover, to);
      return true;
    }
    return false;
  }

  std::vector<Mover> movers_;
  std::vector<RenameStep> steps_;
  std::string prefix_;
  char delimiter_;
  int parked_ = 0;
};

}  // namespace

std::vector<RenameStep> order_renames(std::vector<RenameStep> wanted, const std::string& temporary_prefix,
                                      char delimiter) {
  return Shuffle(std::move(wanted), temporary_prefix, delimiter).run();
}

}  // namespace mirror::plan
