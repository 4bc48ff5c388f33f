// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "mirror/plan/folder_plan.hpp"
#include "support/name_shelf.hpp"

using namespace mirror::plan;
using mirror::test::NameShelf;

namespace {

using Wanted = std::vector<std::pair<std::string, std::string>>;

std::vector<RenameStep> steps_of(const Wanted& wanted) {
  std::vector<RenameStep> steps;
  for (const auto& [from, to] : wanted) steps.push_back({from, to});
  return steps;
}

// Plays the plan; empty when every step was accepted and every folder is where it was wanted.
std::string played(const Wanted& wanted, char delimiter, std::size_t& steps) {
  NameShelf shelf(delimiter);
  for (std::size_t i = 0; i < wanted.size(); ++i) shelf.put(wanted[i].first, static_cast<int>(i));
  const auto plan = order_renames(steps_of(wanted), "tmp-", delimiter);
  steps = plan.size();
  std::string said;
  for (const auto& step : plan) {
    said += step.from + " -> " + step.to + "\n";
    if (const auto no = shelf.rename(step.from, step.to)) return said + *no;
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto found = shelf.folders().find(wanted[i].second);
    if (found == shelf.folders().end() || found->second != static_cast<int>(i))
      return said + wanted[i].first + " is not at " + wanted[i].second;
  }
  return {};
}

}  // namespace

TEST_CASE("a set of renames is played in an order that the server accepts") {
  struct Row {
    const char* name;
    Wanted wanted;
    std::size_t steps;
  };
  const std::vector<Row> cases{
      {"nothing", {}, 0},
      {"stays", {{"a", "a"}}, 0},
      {"one", {{"a", "b"}}, 1},
      {"chain", {{"a", "b"}, {"b", "c"}, {"c", "d"}}, 3},
      {"swap", {{"a", "b"}, {"b", "a"}}, 3},
      {"cycle of three", {{"a", "b"}, {"b", "c"}, {"c", "a"}}, 4},
      {"two swaps", {{"a", "b"}, {"b", "a"}, {"c", "d"}, {"d", "c"}}, 6},
      {"a parent takes its children along", {{"p", "q"}, {"p/a", "q/a"}, {"p/a/b", "q/a/b"}}, 1},
      {"children first in the list", {{"p/a", "q/a"}, {"p", "q"}}, 1},
      {"below a name that another one gets", {{"a", "s/a"}, {"b", "s"}}, 2},
      {"a child goes elsewhere", {{"p", "q"}, {"p/a", "r"}}, 2},
      {"a child stays where it was", {{"p", "q"}, {"p/a", "p/a"}}, 2},
      {"a parent moves into what was its child's place", {{"p", "p/a"}, {"p/a", "q"}}, 3},
      {"a parent moves below itself", {{"p", "p/old"}}, 2},
      {"a child becomes its parent", {{"p", "q"}, {"p/a", "p"}}, 2},
      {"a child and its parent change places", {{"p", "p/a"}, {"p/a", "p"}}, 0},
      {"two parents change places", {{"p", "q"}, {"p/a", "q/a"}, {"q", "p"}, {"q/b", "p/b"}}, 3},
      {"two parents with a child of one name", {{"p", "q"}, {"p/a", "q/a"}, {"q", "p"}, {"q/a", "p/a"}}, 3},
      {"a parent change places, the children stay",
       {{"p", "q"}, {"p/a", "p/a"}, {"q", "p"}, {"q/b", "q/b"}},
       0},
      {"the place below the new parent is taken", {{"p", "q"}, {"p/a", "z"}, {"q/a", "q/a"}}, 2},
      {"a like name is no child", {{"p", "q"}, {"pa", "pa"}, {"p.a", "p.a"}}, 1},
      {"into a folder that moves", {{"x", "p/x"}, {"p", "q"}, {"r", "p"}}, 0},
  };
  for (const auto& c : cases) {
    INFO(c.name);
    std::size_t steps = 0;
    CHECK(played(c.wanted, '/', steps) == "");
    if (c.steps != 0) CHECK(steps == c.steps);
  }
}

TEST_CASE("a server without hierarchy carries nothing along") {
  std::size_t steps = 0;
  CHECK(played({{"p", "q"}, {"p/a", "q/a"}}, 0, steps) == "");
  CHECK(steps == 2);
}

TEST_CASE("random permutations of flat names end where they should") {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < 2 + random() % 9; ++i)
      names.push_back(std::string(1, static_cast<char>('a' + i)));
    auto goals = names;
    std::shuffle(goals.begin(), goals.end(), random);
    Wanted wanted;
    for (std::size_t i = 0; i < names.size(); ++i)
      wanted.emplace_back(names[i], random() % 4 == 0 ? goals[i] + "2" : goals[i]);
    std::size_t steps = 0;
    INFO("round " << round);
    REQUIRE(played(wanted, '/', steps) == "");
    REQUIRE(steps <= names.size() + names.size() / 2);
  }
}

TEST_CASE("random moves of whole trees end where they should") {
  std::mt19937 random(12);
  const std::vector<std::string> all{"a",   "b",   "c",     "d",     "a/x",   "a/y",   "b/x",
                                     "b/y", "c/x", "a/x/1", "a/x/2", "b/x/1", "c/x/1", "d/y/1"};
  for (int round = 0; round < 600; ++round) {
    auto from = all, to = all;
    std::shuffle(from.begin(), from.end(), random);
    std::shuffle(to.begin(), to.end(), random);
    Wanted wanted;
    for (std::size_t i = 0; i < 2 + random() % 8; ++i) wanted.emplace_back(from[i], to[i]);
    std::size_t steps = 0;
    std::string said = "\n";
    for (const auto& [f, t] : wanted) said += f + " => " + t + "\n";
    INFO("round " << round << said);
    REQUIRE(played(wanted, '/', steps) == "");
    REQUIRE(steps <= 3 * wanted.size());
  }
}

TEST_CASE("two folders wanted under one name end with the step that the server refuses") {
  const auto steps = order_renames(steps_of({{"a", "c"}, {"b", "c"}}), "tmp-", '/');
  REQUIRE_FALSE(steps.empty());
  CHECK(steps.back().to == "c");
  NameShelf shelf('/');
  shelf.put("a", 1);
  shelf.put("b", 2);
  int refused = 0;
  for (const auto& step : steps) refused += shelf.rename(step.from, step.to).has_value();
  CHECK(refused == 1);
  CHECK(shelf.folders().contains("c"));
}

TEST_CASE("a temporary name that is in use is not taken") {
  std::size_t steps = 0;
  CHECK(played({{"a", "b"}, {"b", "a"}, {"tmp-1", "tmp-1"}}, '/', steps) == "");
}
