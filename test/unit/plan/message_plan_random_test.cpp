// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>

#include "support/folder_pair.hpp"

using namespace mirror::test;

namespace {

constexpr int k_seeds = 60;
constexpr int k_passes = 8;

class Traffic {
 public:
  explicit Traffic(unsigned seed) : random_(seed) {}

  bool one_in(unsigned n) { return random_() % n == 0; }

  FlagSet flags() {
    FlagSet out;
    for (const char* word : {"\\Seen", "\\Flagged", "\\Deleted", "$Urgent", "transferred"})
      if (one_in(3)) out.add(word);
    return out;
  }

  // One change somewhere, of every kind there is.
  void change(FolderPair& pair) {
    const bool arrives = one_in(2) || pair.source.messages.empty();
    if (arrives) {
      const Uid uid = pair.source.append(++payload_, flags());
      if (one_in(8)) pair.quarantined.insert(uid);
      return;
    }
    const Uid uid = pick(pair.source);
    if (one_in(2))
      pair.source.store(uid, flags());
    else
      pair.source.expunge(uid);
    meddle(pair);
  }

  Uid pick(const SimSide& side) {
    auto it = side.messages.begin();
    std::advance(it, static_cast<long>(random_() % side.messages.size()));
    return it->first;
  }

  // Somebody else works on the target.
  void meddle(FolderPair& pair) {
    if (one_in(6)) pair.target.append(++payload_, flags());
    if (pair.target.messages.empty()) return;
    const Uid uid = pick(pair.target);
    const bool is_held = std::any_of(pair.held.begin(), pair.held.end(),
                                     [&](Uid one) { return pair.rows.at(one).target == uid; });
    if (is_held) return;  // whose end nobody can restore
    if (one_in(6)) pair.target.store(uid, flags());
    if (one_in(8)) pair.target.expunge(uid);
  }

  std::mt19937 random_;

 private:
  int payload_ = 0;
};

}  // namespace

TEST_CASE("whatever happens, one pass makes the target equal and the next finds nothing to do") {
  int closer = 0;
  for (unsigned seed = 0; seed < k_seeds; ++seed) {
    INFO("seed " << seed);
    Traffic traffic(seed);
    FolderPair pair;
    for (int pass = 0; pass < k_passes; ++pass) {
      for (int i = 0; i < 12; ++i) traffic.change(pair);
      closer += pair.pass(pair.source.view(pass == 0 || traffic.one_in(2)),
                          pair.target.view(pass == 0 || traffic.one_in(2)), false);
      REQUIRE(pair.present() == pair.wanted());
      REQUIRE(pair.plan(pair.source.view(true), pair.target.view(true)).empty());
      REQUIRE(pair.plan(pair.source.view(false), pair.target.view(false)).empty());
    }
  }
  CHECK(closer == 0);  // honest partial views never cost a complete look
}

TEST_CASE("a partial view leads to the same end as a complete one") {
  for (unsigned seed = 0; seed < k_seeds; ++seed) {
    INFO("seed " << seed);
    Traffic traffic(1000 + seed);
    FolderPair partial;
    for (int pass = 0; pass < k_passes; ++pass) {
      for (int i = 0; i < 12; ++i) traffic.change(partial);
      FolderPair complete = partial;
      complete.pass(complete.source.view(true), complete.target.view(true), false);
      partial.pass(partial.source.view(false), partial.target.view(false), false);
      REQUIRE(partial.present() == complete.present());
      REQUIRE(partial.rows.size() == complete.rows.size());
      REQUIRE(partial.extras.size() == complete.extras.size());
      REQUIRE(partial.quarantined == complete.quarantined);
    }
  }
}

TEST_CASE(
    "a view that hides an arrival or a departure is looked at again and nothing is removed on its word") {
  int asked = 0, hidden = 0;
  for (unsigned seed = 0; seed < k_seeds; ++seed) {
    INFO("seed " << seed);
    Traffic traffic(2000 + seed);
    FolderPair pair;
    for (int pass = 0; pass < k_passes; ++pass) {
      for (int i = 0; i < 10; ++i) traffic.change(pair);
      FolderView s = pair.source.view(false);
      FolderView t = pair.target.view(false);
      FolderView& liar = traffic.one_in(2) ? s : t;
      const bool at_source = &liar == &s;
      if (traffic.one_in(2)) {
        // Names as vanished what is still there and was mapped.
        for (const auto& [uid, row] : pair.rows) {
          const Uid there = at_source ? row.source : row.target;
          const auto& side = at_source ? pair.source : pair.target;
          const bool told = std::any_of(liar.messages.begin(), liar.messages.end(),
                                        [&](const auto& m) { return m.uid == there; });
          if (told || !side.messages.contains(there) || pair.held.contains(uid)) continue;
          liar.vanished.add(there);
          ++hidden;
          const auto plan = pair.plan(s, t);
          CHECK((at_source ? plan.look_closer_at_source : plan.look_closer_at_target));
          CHECK((at_source ? plan.remove.empty() && plan.released.empty()
                           : plan.lost.empty() && plan.copy.empty()));
          break;
        }
      } else if (!liar.vanished.empty()) {
        liar.vanished = {};
      }
      asked += pair.pass(s, t, false);
      REQUIRE(pair.present() == pair.wanted());
    }
  }
  CHECK(hidden > 50);
  CHECK(asked >= hidden);
}

TEST_CASE("held deletions stay on the target, cost no complete look and go when they are released") {
  for (unsigned seed = 0; seed < k_seeds; ++seed) {
    INFO("seed " << seed);
    Traffic traffic(3000 + seed);
    FolderPair pair;
    for (int pass = 0; pass < k_passes; ++pass) {
      for (int i = 0; i < 12; ++i) traffic.change(pair);
      const bool complete = traffic.one_in(2);
      // Somebody may have deleted on the target what the source deleted, too, and is held then.
      const bool closer = pair.pass(pair.source.view(complete), pair.target.view(complete), pass % 3 == 1);
      std::erase_if(pair.held, [&](Uid uid) {
        const bool off = !pair.target.messages.contains(pair.rows.at(uid).target);
        if (off) pair.rows.erase(uid);
        return off;
      });
      REQUIRE_FALSE(closer);
      REQUIRE(pair.present() == pair.wanted());
    }
    pair.held.clear();
    const auto released = pair.plan(pair.source.view(true), pair.target.view(true));
    pair.apply(released, false);
    REQUIRE(pair.present() == pair.wanted());
    REQUIRE(pair.rows.size() == pair.source.messages.size() - pair.quarantined.size());
  }
}

TEST_CASE("the order in which rows are handed in does not matter") {
  for (unsigned seed = 0; seed < k_seeds; ++seed) {
    INFO("seed " << seed);
    Traffic traffic(4000 + seed);
    FolderPair pair;
    for (int i = 0; i < 40; ++i) traffic.change(pair);
    pair.pass(pair.source.view(true), pair.target.view(true), false);
    for (int i = 0; i < 40; ++i) traffic.change(pair);
    const FolderView s = pair.source.view(true), t = pair.target.view(true);
    auto rows = pair.rows_for(s, t);
    std::shuffle(rows.begin(), rows.end(), traffic.random_);
    FolderPair other = pair;
    pair.apply(pair.plan(s, t), false);
    other.apply(plan_messages(s, t, rows, other.memory()), false);
    REQUIRE(other.present() == pair.present());
  }
}
