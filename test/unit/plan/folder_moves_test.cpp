// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/folder_moves.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "support/name_shelf.hpp"

using namespace mirror::plan;
using mirror::base::FolderId;
using mirror::test::NameShelf;

namespace {

FolderRow row_of(int id, const std::string& name, std::uint32_t uidvalidity, std::uint64_t mapped) {
  FolderRow row;
  row.id = FolderId{id};
  row.source_name = row.target_name = name;
  row.source_uidvalidity = UidValidity{uidvalidity};
  row.source_uidnext = Uid{static_cast<std::uint32_t>(mapped) + 1};
  row.mapped = mapped;
  return row;
}

ListedFolder listed_of(const std::string& name, std::uint32_t uidvalidity, std::uint32_t uidnext = 1) {
  ListedFolder folder;
  folder.name = name;
  folder.delimiter = '/';
  folder.uidvalidity = UidValidity{uidvalidity};
  folder.uidnext = Uid{uidnext};
  return folder;
}

std::string holding(FolderId folder) {
  return fmt::format("leaving-{}", folder);
}

// The plan played on a server: "name=id" of every folder, in order of names.
std::string played(const MoveInput& input, const FolderMoves& moves) {
  NameShelf shelf('/');
  for (const auto* part : {&input.staying, &input.vanished})
    for (const auto& one : *part)
      if (!one.place.empty()) shelf.put(one.place, static_cast<int>(mirror::base::raw(one.row.id)));
  for (const auto& step : order_renames(moves.steps, "tmp-", '/'))
    if (const auto no = shelf.rename(step.from, step.to)) return step.from + " -> " + step.to + ": " + *no;
  std::vector<std::string> words;
  for (const auto& [name, id] : shelf.folders()) words.push_back(fmt::format("{}={}", name, id));
  std::sort(words.begin(), words.end());
  return fmt::format("{}", fmt::join(words, " "));
}

std::string names(const FolderMoves& moves) {
  std::string out;
  for (const auto& change : moves.changes)
    out += fmt::format("{}:{}|{} ", change.folder, change.source_name, change.target_name);
  return out;
}

Placed stays(int id, const std::string& name, const std::string& place) {
  return {row_of(id, name, 1, 1), place, name, name};
}

Placed moves_to(int id, const std::string& name, const std::string& to) {
  return {row_of(id, name, 1, 1), name, to, to};
}

Placed gone(int id, const std::string& name, const std::string& place) {
  return {row_of(id, name, 1, 1), place, "", ""};
}

}  // namespace

TEST_CASE("an empty folder follows the renamed one above it") {
  const RenameCandidate parent{row_of(1, "A", 5, 3), listed_of("B", 5, 4), false};
  const auto plan_of = [&](std::uint64_t mapped, const ListedFolder& now) {
    FolderPlan plan;
    plan.renamed.push_back(parent);
    plan.vanished.push_back(row_of(2, "A/c", 6, mapped));
    plan.fresh.push_back(now);
    follow_parents(plan);
    return plan;
  };
  SECTION("under its name there, with its number") {
    const auto plan = plan_of(0, listed_of("B/c", 6));
    REQUIRE(plan.renamed.size() == 2);
    CHECK(plan.renamed[1].row.id == FolderId{2});
    CHECK(plan.renamed[1].now.name == "B/c");
    CHECK((plan.vanished.empty() && plan.fresh.empty()));
  }
  SECTION("another number, another name, a lower UIDNEXT: another folder") {
    CHECK(plan_of(0, listed_of("B/c", 7)).vanished.size() == 1);
    CHECK(plan_of(0, listed_of("B/d", 6)).vanished.size() == 1);
    CHECK(plan_of(0, listed_of("B/c", 6, 0)).vanished.size() == 1);
  }
  SECTION("what has messages was asked by them") {
    CHECK(plan_of(2, listed_of("B/c", 6, 3)).vanished.size() == 1);
  }
  SECTION("the nearest above it counts") {
    FolderPlan plan;
    plan.renamed.push_back(parent);
    plan.renamed.push_back({row_of(3, "A/c", 7, 1), listed_of("X", 7, 2), false});
    plan.vanished.push_back(row_of(2, "A/c/d", 6, 0));
    plan.fresh = {listed_of("B/c/d", 6), listed_of("X/d", 6)};
    follow_parents(plan);
    REQUIRE(plan.renamed.size() == 3);
    CHECK(plan.renamed[2].now.name == "X/d");
  }
  SECTION("a number that was never told is no number") {
    FolderPlan plan;
    plan.renamed.push_back(parent);
    plan.vanished.push_back(row_of(2, "A/c", 0, 0));
    plan.fresh = {listed_of("B/c", 0)};
    follow_parents(plan);
    CHECK(plan.vanished.size() == 1);
  }
}

TEST_CASE("what a rename carries along has a place") {
  struct Row {
    const char* name;
    MoveInput input;
    const char* names;
    const char* played;
  };
  const std::vector<Row> cases{
      {"nothing to do", {{stays(1, "A", "A")}, {gone(2, "B", "B")}, {}}, "", "A=1 B=2"},
      {"deleted below a renamed one",
       {{moves_to(1, "A", "B")}, {gone(2, "A/c", "A/c")}, {}},
       "1:B|B 2:A/c|leaving-2 ",
       "B=1 leaving-2=2"},
      {"a tree deleted below a renamed one",
       {{moves_to(1, "A", "B")}, {gone(2, "A/c", "A/c"), gone(3, "A/c/d", "A/c/d")}, {}},
       "1:B|B 2:A/c|leaving-2 3:A/c/d|leaving-3 ",
       "B=1 leaving-2=2 leaving-3=3"},
      {"its name on the target is wanted",
       {{moves_to(1, "A", "B")}, {gone(2, "B", "B")}, {}},
       "1:B|B 2:leaving-2|leaving-2 ",
       "B=1 leaving-2=2"},
      {"a new one wants the place it was carried to",
       {{}, {gone(2, "A/c", "B/c")}, {"B/c"}},
       "2:A/c|leaving-2 ",
       "leaving-2=2"},
      {"carried along, never recorded",
       {{stays(1, "B", "B")}, {gone(2, "A/c", "B/c")}, {}, {}},
       "2:A/c|leaving-2 ",
       "B=1 leaving-2=2"},
      {"below one that makes room, which takes it along",
       {{moves_to(1, "A", "B")}, {gone(3, "B/c", "B/c"), gone(2, "B", "B")}, {}, {}},
       "1:B|B 2:leaving-2|leaving-2 3:B/c|leaving-3 ",
       "B=1 leaving-2=2 leaving-3=3"},
      {"with somebody else's folder below it, it is carried",
       {{moves_to(1, "A", "B")}, {gone(2, "A/c", "A/c")}, {}, {"A/c/theirs"}},
       "1:B|B ",
       "B/c=2 B=1"},
      {"kept, and carried along by a rename that was not recorded",
       {{Placed{row_of(1, "A", 1, 1), "B", "B", "B"}, stays(2, "A/c", "B/c")}, {}, {}},
       "1:B|B ",
       "A/c=2 B=1"},
      {"kept below a renamed one",
       {{moves_to(1, "A", "B"), stays(2, "A/c", "A/c")}, {}, {}},
       "1:B|B ",
       "A/c=2 B=1"},
      {"not on the target: only its names change",
       {{Placed{row_of(1, "A", 1, 1), "", "B", "B"}}, {gone(2, "C", "")}, {}},
       "1:B|B ",
       ""},
      {"gone from both, and its names are another one's now",
       {{moves_to(1, "A", "B")}, {gone(2, "B", "")}, {}},
       "1:B|B 2:leaving-2|leaving-2 ",
       "B=1"},
      {"gone, its place on the target under another name, and its name is another one's now",
       {{moves_to(1, "A", "B")},
        {Placed{[] {
                  auto row = row_of(2, "B", 1, 1);
                  row.target_name = "B=02";
                  return row;
                }(),
                "B=02", "", ""}},
        {}},
       "1:B|B 2:leaving-2|B=02 ",
       "B=02=2 B=1"},
      {"back from its holding name",
       {{Placed{row_of(1, "A", 1, 1), "leaving-1", "A", "A"}}, {}, {}},
       "",
       "A=1"},
  };
  for (const auto& c : cases) {
    INFO(c.name);
    const auto moves = plan_moves(c.input, holding, '/');
    CHECK(names(moves) == c.names);
    CHECK(played(c.input, moves) == c.played);
  }
}
