// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "mirror/plan/lost_flags.hpp"

using namespace mirror;
using namespace mirror::plan;
using base::FlagSet;
using base::Uid;

namespace {

FlagFix fix(std::uint32_t uid, std::string_view before, std::string_view wanted) {
  FlagFix out;
  out.source = Uid{uid};
  out.target = Uid{uid + 100};
  out.before = FlagSet::parse(before);
  out.wanted = FlagSet::parse(wanted);
  return out;
}

base::LostFlags lost(std::initializer_list<std::string_view> waiting,
                     std::initializer_list<std::string_view> due = {}) {
  base::LostFlags out;
  for (const auto word : waiting) {
    out.all.add(word);
    out.waiting.add(word);
  }
  for (const auto word : due) out.all.add(word);
  return out;
}

std::vector<std::string> words(const std::vector<LostFlag>& flags) {
  std::vector<std::string> out;
  for (const auto& flag : flags)
    out.push_back(std::to_string(static_cast<std::uint32_t>(flag.source)) + " " + flag.word);
  return out;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("what the target dropped is told, and what it kept although it was taken away") {
  const std::vector<FlagFix> fixes{fix(1, "\\Flagged \\Seen", "\\Seen $New"),
                                   fix(2, "", "\\Answered \\Seen")};
  const FlagsByUid has{{Uid{101}, FlagSet::parse("\\Flagged \\Seen")},
                       {Uid{102}, FlagSet::parse("\\Seen \\Answered")}};
  CHECK(words(not_kept(fixes, has, {}, {})) == Words{"1 $New", "1 not \\Flagged"});
}

TEST_CASE("a change that was refused, or whose message is gone, tells nothing of flags") {
  const std::vector<FlagFix> fixes{fix(1, "\\Flagged", "$New"), fix(2, "\\Flagged", "$New")};
  const FlagsByUid has{{Uid{101}, FlagSet::parse("\\Flagged")}};
  CHECK(not_kept(fixes, has, {Uid{101}}, {}).empty());
}

TEST_CASE("of what the target says it cannot store nothing is missed") {
  const Kept keeps{{"\\Seen"}};
  const std::vector<FlagFix> fixes{fix(1, "$Old", "\\Seen $New")};
  const FlagsByUid has{{Uid{101}, FlagSet::parse("$Old \\Seen")}};
  CHECK(not_kept(fixes, has, {}, keeps).empty());
}

TEST_CASE("a flag that differs in nothing but words that wait is left alone") {
  const LostByUid waiting{{Uid{1}, lost({"$New", "not \\Flagged"})}};
  std::vector<FlagFix> fixes{fix(1, "\\Flagged \\Seen", "\\Seen $New")};
  leave_out_waiting(fixes, waiting, {});
  CHECK(fixes.empty());

  SECTION("not when another word is to come") {
    fixes = {fix(1, "\\Flagged", "\\Answered $New")};
    leave_out_waiting(fixes, waiting, {});
    CHECK(fixes.size() == 1);
  }
  SECTION("not when another word is to go") {
    fixes = {fix(1, "\\Flagged \\Answered", "$New")};
    leave_out_waiting(fixes, waiting, {});
    CHECK(fixes.size() == 1);
  }
  SECTION("not when its time has come") {
    fixes = {fix(1, "\\Flagged \\Seen", "\\Seen")};
    leave_out_waiting(fixes, {{Uid{1}, lost({"$New"}, {"not \\Flagged"})}}, {});
    CHECK(fixes.size() == 1);
  }
  SECTION("not of another message") {
    fixes = {fix(2, "\\Flagged", "")};
    leave_out_waiting(fixes, waiting, {});
    CHECK(fixes.size() == 1);
  }
}

TEST_CASE("a word is settled when the target has it as it is wanted") {
  const LostByUid waiting{{Uid{1}, lost({"$New", "$Gone", "not \\Flagged", "not \\Draft"})}};
  const std::vector<FlagFix> fixes{fix(1, "\\Flagged \\Draft", "$New \\Draft")};
  CHECK(words(settled(fixes, {{Uid{101}, FlagSet::parse("\\Draft")}}, waiting)) ==
        Words{"1 $Gone", "1 not \\Draft", "1 not \\Flagged"});
  CHECK(words(settled(fixes, {{Uid{101}, FlagSet::parse("$New \\Flagged \\Draft")}}, waiting)) ==
        Words{"1 $Gone", "1 $New", "1 not \\Draft"});
  CHECK(settled(fixes, {}, waiting).empty());
}

TEST_CASE("of a message that was compared and does not differ nothing waits") {
  const LostByUid waiting{{Uid{1}, lost({"$New"})}, {Uid{2}, lost({"not \\Seen"})}, {Uid{3}, lost({"$X"})}};
  MapRow one, two;
  one.source = Uid{1};
  two.source = Uid{2};
  CHECK(words(settled({one, two}, {}, true, {Uid{1}}, waiting)) == Words{"2 not \\Seen"});
}

TEST_CASE("of a message that the target did not name what waits goes on waiting") {
  const LostByUid waiting{{Uid{1}, lost({"$New"})}, {Uid{2}, lost({"not \\Seen"})}};
  MapRow one, two;
  one.source = Uid{1};
  one.target = Uid{101};
  two.source = Uid{2};
  two.target = Uid{102};
  FolderView target;
  target.messages.resize(1);
  target.messages[0].uid = Uid{102};
  CHECK(words(settled({one, two}, target, false, {}, waiting)) == Words{"2 not \\Seen"});
  CHECK(settled({one, two}, target, false, {Uid{2}}, waiting).empty());
}

TEST_CASE("a change of which nothing was kept is known, one that was refused is sent again") {
  const auto one = fix(1, "\\Flagged", "");
  CHECK(outcome_of(one, {{Uid{101}, FlagSet::parse("")}}, {}, {}) == Outcome::changed);
  CHECK(outcome_of(one, {{Uid{101}, FlagSet::parse("\\Flagged")}}, {}, {}) == Outcome::unchanged);
  CHECK(outcome_of(one, {}, {}, {}) == Outcome::open);
  CHECK(outcome_of(one, {{Uid{101}, FlagSet::parse("\\Flagged")}}, {Uid{101}}, {}) == Outcome::open);
  // The map was wrong about what the target had.
  CHECK(outcome_of(one, {{Uid{101}, FlagSet::parse("$Other")}}, {Uid{101}}, {}) == Outcome::open);
  // One of several commands was refused, and all is there all the same.
  CHECK(outcome_of(one, {{Uid{101}, FlagSet::parse("")}}, {Uid{101}}, {}) == Outcome::changed);
}
