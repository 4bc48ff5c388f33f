// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "mirror/plan/message_plan.hpp"

using namespace mirror::plan;

namespace {

SeenMessage seen(std::uint32_t uid, std::string_view flags = "") {
  return {Uid{uid}, FlagSet::parse(flags)};
}

FolderView complete(std::vector<SeenMessage> messages) {
  FolderView view;
  view.complete = true;
  view.exists = static_cast<std::uint32_t>(messages.size());
  view.messages = std::move(messages);
  return view;
}

FolderView partial(std::uint32_t exists, std::vector<SeenMessage> messages, std::string_view vanished = "") {
  FolderView view;
  view.exists = exists;
  view.messages = std::move(messages);
  if (!vanished.empty()) view.vanished = *UidSet::parse(vanished);
  return view;
}

MapRow row(std::uint32_t source, std::uint32_t target, std::string_view flags = "") {
  MapRow out;
  out.source = Uid{source};
  out.target = Uid{target};
  out.flags = FlagSet::parse(flags);
  return out;
}

FolderMemory mapped(std::uint64_t count) {
  FolderMemory memory;
  memory.mapped = count;
  return memory;
}

std::string text(const std::vector<Uid>& uids) {
  return UidSet::of(uids).text();
}

std::string text(const std::vector<Removal>& removals) {
  std::string out;
  for (const auto& one : removals) out += fmt::format("{}>{} ", one.source, one.target);
  return out;
}

}  // namespace

TEST_CASE("two empty folders need nothing") {
  CHECK(plan_messages(complete({}), complete({}), {}, {}).empty());
}

TEST_CASE("what is not mapped is copied in ascending order") {
  const auto plan =
      plan_messages(complete({seen(2), seen(5), seen(9)}), complete({seen(1)}), {row(5, 1)}, mapped(1));
  CHECK(plan.copy == std::vector<Uid>{Uid{2}, Uid{9}});
  CHECK(plan.remove.empty());
  CHECK(plan.strangers.empty());
}

TEST_CASE("a flag is set when the source's changed, and is drift when only the target's did") {
  struct Row {
    const char* source;
    const char* remembered;
    const char* target;
    const char* fix;  // "-" none
    bool drift;
    bool settled;
  };
  const Row c = GENERATE(Row{"\\Seen", "", "", "\\Seen", false, false},               // read on the source
                         Row{"", "", "\\Seen", "", true, false},                      // read on the target
                         Row{"\\Seen", "", "\\Seen", "-", false, true},               // both: remembered only
                         Row{"\\Seen a", "\\Seen a", "\\seen A", "-", false, false},  // spelling
                         Row{"a", "b", "c", "a", false, false}, Row{"a b", "a b", "a", "a b", true, false},
                         Row{"\\Seen \\Recent", "\\Seen", "\\Seen", "-", false, false},
                         Row{"", "\\Deleted", "\\Deleted", "", false, false});
  INFO(c.source << " | " << c.remembered << " | " << c.target);
  const auto plan = plan_messages(complete({seen(4, c.source)}), complete({seen(8, c.target)}),
                                  {row(4, 8, c.remembered)}, mapped(1));
  const bool wants = std::string_view(c.fix) != "-";
  REQUIRE(plan.flags.size() == (wants ? 1 : 0));
  CHECK(plan.settled.size() == (c.settled ? 1 : 0));
  if (c.settled) CHECK(plan.settled[0].flags == FlagSet::parse(c.source));
  if (!wants) return;
  CHECK(plan.flags[0].source == Uid{4});
  CHECK(plan.flags[0].target == Uid{8});
  CHECK(plan.flags[0].wanted == FlagSet::parse(c.fix));
  CHECK(plan.flags[0].before == FlagSet::parse(c.target));
  CHECK(plan.flags[0].drift == c.drift);
}

TEST_CASE("a flag that one partial view names is compared with what is remembered of the other side") {
  const auto from_source =
      plan_messages(partial(3, {seen(4, "\\Seen")}), partial(3, {}), {row(4, 8)}, mapped(3));
  REQUIRE(from_source.flags.size() == 1);
  CHECK_FALSE(from_source.flags[0].drift);
  const auto from_target =
      plan_messages(partial(3, {}), partial(3, {seen(8, "\\Seen")}), {row(4, 8)}, mapped(3));
  REQUIRE(from_target.flags.size() == 1);
  CHECK(from_target.flags[0].drift);
  CHECK(from_target.flags[0].wanted.empty());
}

TEST_CASE("a target that keeps a few flags only is asked for those alone and is equal with them") {
  const std::vector<std::string> keeps{"\\Seen", "\\Flagged"};
  CHECK(storable(FlagSet::parse("\\Seen $Urgent"), keeps) == FlagSet::parse("\\Seen"));
  CHECK(storable(FlagSet::parse("\\Seen $Urgent"), {}) == FlagSet::parse("\\Seen $Urgent"));
  CHECK(plan_messages(complete({seen(1, "\\Seen $Urgent")}), complete({seen(1, "\\Seen")}),
                      {row(1, 1, "\\Seen $Urgent")}, mapped(1), keeps)
            .empty());
  const auto plan = plan_messages(complete({seen(1, "\\Seen $Urgent")}), complete({seen(1)}), {row(1, 1)},
                                  mapped(1), keeps);
  REQUIRE(plan.flags.size() == 1);
  const auto remembered =
      plan_messages(complete({seen(1, "$Urgent")}), complete({seen(1)}), {row(1, 1)}, mapped(1), keeps);
  CHECK(remembered.flags.empty());
  CHECK(remembered.settled.size() == 1);
}

TEST_CASE("only rows of the map are ever removed") {
  FolderMemory memory = mapped(1);
  memory.extras = 1;
  memory.extra_uids.add(Uid{20});
  const auto plan =
      plan_messages(complete({}), complete({seen(10), seen(20), seen(30)}), {row(1, 10)}, memory);
  CHECK(text(plan.remove) == "1>10 ");
  CHECK(plan.strangers.text() == "30");
}

TEST_CASE("what the target lost is copied again; what both lost only leaves the map") {
  const auto plan = plan_messages(complete({seen(1)}), complete({}), {row(1, 10), row(2, 20)}, mapped(2));
  CHECK(text(plan.lost) == "1>10 ");
  CHECK(text(plan.remove) == "2>20 ");
  CHECK(plan.copy.empty());
  const auto looked = plan_messages(partial(1, {}, "2"), partial(1, {}, "20"), {row(2, 20)}, mapped(2));
  CHECK(text(looked.remove) == "2>20 ");
  CHECK(looked.lost.empty());
  CHECK_FALSE(looked.look_closer_at_source);
  CHECK_FALSE(looked.look_closer_at_target);
}

TEST_CASE("a quarantined message is not copied, and is released when it left the source") {
  FolderMemory memory = mapped(0);
  memory.quarantined = *UidSet::parse("3,5");
  const auto waits = plan_messages(complete({seen(3), seen(5)}), complete({}), {}, memory);
  CHECK(waits.empty());
  const auto released = plan_messages(complete({seen(5)}), complete({}), {}, memory);
  CHECK(text(released.released) == "3");
  CHECK_FALSE(released.empty());
  const auto told = plan_messages(partial(1, {}, "3,4"), partial(0, {}), {}, memory);
  CHECK(text(told.released) == "3");
  CHECK_FALSE(told.look_closer_at_source);
}

TEST_CASE("a quarantined message whose time has come is copied, or released when it left the source") {
  FolderMemory memory = mapped(0);
  memory.quarantined = *UidSet::parse("3");
  memory.due = *UidSet::parse("5,7");
  const auto plan = plan_messages(complete({seen(3), seen(5)}), complete({}), {}, memory);
  CHECK(text(plan.copy) == "5");
  CHECK(text(plan.released) == "7");
  const auto told = plan_messages(partial(1, {}, "5,7"), partial(0, {}), {}, memory);
  CHECK(text(told.released) == "5,7");
  CHECK_FALSE(told.look_closer_at_source);
}

TEST_CASE("a partial view counts only when the numbers agree") {
  struct Row {
    const char* name;
    FolderView source, target;
    bool closer_source, closer_target;
  };
  const auto held_back = [](const MessagePlan& plan) {
    return (!plan.look_closer_at_source || (plan.remove.empty() && plan.released.empty())) &&
           (!plan.look_closer_at_target || (plan.lost.empty() && plan.copy.empty()));
  };
  const std::vector<Row> cases{
      {"nothing happened", partial(3, {}), partial(3, {}), false, false},
      {"one left", partial(2, {}, "1"), partial(3, {}), false, false},
      {"one left and nobody said so", partial(2, {}), partial(3, {}), true, false},
      {"said to have left and did not", partial(3, {}, "1"), partial(3, {}), true, false},
      {"a UID never mapped left", partial(3, {}, "77"), partial(3, {}), false, false},
      {"one came", partial(4, {seen(9)}), partial(3, {}), false, false},
      {"one came and nobody said so", partial(4, {}), partial(3, {}), true, false},
      {"one came and one left", partial(3, {seen(9)}, "1"), partial(3, {}), false, false},
      {"lost on the target", partial(3, {}), partial(2, {}, "10"), false, false},
      {"said to be lost and is not", partial(3, {}), partial(3, {}, "10"), false, true},
      {"lost and nobody said so", partial(3, {}), partial(2, {}), false, true},
      {"a stranger came", partial(3, {}), partial(4, {seen(99)}), false, false},
      {"a stranger came unseen", partial(4, {seen(9)}), partial(4, {}), false, true},
      {"named and vanished at once is there", partial(3, {seen(1)}, "1"), partial(3, {}), false, false},
  };
  for (const auto& c : cases) {
    INFO(c.name);
    const auto plan = plan_messages(c.source, c.target, {row(1, 10)}, mapped(3));
    CHECK(plan.look_closer_at_source == c.closer_source);
    CHECK(plan.look_closer_at_target == c.closer_target);
    CHECK(held_back(plan));
    CHECK((!plan.empty() || c.name == std::string("nothing happened") ||
           c.name == std::string("a UID never mapped left") ||
           c.name == std::string("named and vanished at once is there")));
  }
}

TEST_CASE("a held deletion is counted as gone although no partial view names it again") {
  FolderMemory memory = mapped(3);
  memory.held.add(Uid{1});
  const auto plan = plan_messages(partial(2, {}), partial(3, {}), {}, memory);
  CHECK_FALSE(plan.look_closer_at_source);
  CHECK(plan.remove.empty());
  // Its copy vanished from the target meanwhile: it is not lost, the source does not have it either.
  const auto vanished = plan_messages(partial(2, {}), partial(2, {}, "10"), {row(1, 10)}, memory);
  CHECK(vanished.lost.empty());
  CHECK_FALSE(vanished.look_closer_at_source);
  CHECK_FALSE(vanished.look_closer_at_target);
  // With a complete view it is wanted removed, and the caller keeps it held.
  CHECK(text(plan_messages(complete({seen(2), seen(3)}), partial(3, {}), {row(1, 10), row(2, 20), row(3, 30)},
                           memory)
                 .remove) == "1>10 ");
}

TEST_CASE("extras that vanished are counted as gone, whether or not they are still remembered") {
  FolderMemory memory = mapped(1);
  memory.extras = 2;
  memory.extra_uids = *UidSet::parse("20,21");
  CHECK_FALSE(plan_messages(partial(1, {}), partial(2, {}, "20"), {}, memory).look_closer_at_target);
  CHECK(plan_messages(partial(1, {}), partial(2, {}), {}, memory).look_closer_at_target);
}

TEST_CASE("a complete view that names fewer messages than the server counts removes nothing") {
  FolderView source = complete({seen(1)});
  source.exists = 2;
  const auto at_source =
      plan_messages(source, complete({seen(10), seen(20)}), {row(1, 10), row(2, 20)}, mapped(2));
  CHECK(at_source.look_closer_at_source);
  CHECK(at_source.remove.empty());

  FolderView target = complete({seen(10)});
  target.exists = 2;
  const auto at_target =
      plan_messages(complete({seen(1), seen(2), seen(3)}), target, {row(1, 10), row(2, 20)}, mapped(2));
  CHECK(at_target.look_closer_at_target);
  CHECK(at_target.lost.empty());
  CHECK(at_target.copy.empty());  // one of those not seen may be its copy

  FolderView more = complete({seen(1), seen(2)});
  more.exists = 1;  // arrived between the count and the list
  CHECK_FALSE(plan_messages(more, complete({}), {}, {}).look_closer_at_source);
}
