// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "base/uid_set.hpp"

using namespace mirror::base;

TEST_CASE("a set reads and writes itself in its shortest form") {
  struct Row {
    const char* text;
    const char* written;
    std::uint64_t count;
  };
  const Row row = GENERATE(
      Row{"1:4,9", "1:4,9", 5}, Row{"9,4:1", "1:4,9", 5}, Row{"1,2,3", "1:3", 3}, Row{"5:7,1:4,8", "1:8", 8},
      Row{"7,7,7", "7", 1}, Row{"1:4294967295", "1:4294967295", 4294967295},
      Row{"4294967295,4294967294", "4294967294:4294967295", 2}, Row{"3:5,4:10,2", "2:10", 9});
  INFO(row.text);
  const auto set = UidSet::parse(row.text);
  REQUIRE(set);
  CHECK(set->text() == row.written);
  CHECK(set->count() == row.count);
  CHECK(UidSet::parse(set->text()) == set);
}

TEST_CASE("what is no set of numbers is refused") {
  const char* const text = GENERATE("", "*", "1:*", "0", "0:4", "1,", ",1", "1::2", "1:2:3", "a", "1 2",
                                    "4294967296", "-1", "+1", "1:");
  INFO(text);
  CHECK_FALSE(UidSet::parse(text));
}

TEST_CASE("a set agrees with a plain set of numbers") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    UidSet set;
    std::set<std::uint32_t> plain;
    for (int step = 0; step < 30; ++step) {
      const std::uint32_t first = 1 + random() % 60;
      const std::uint32_t last = first + random() % 6;
      set.add(Uid{last}, Uid{first});
      for (auto uid = first; uid <= last; ++uid) plain.insert(uid);
    }
    REQUIRE(set.count() == plain.size());
    for (std::uint32_t uid = 0; uid < 70; ++uid) REQUIRE(set.contains(Uid{uid}) == plain.contains(uid));
    std::vector<Uid> members;
    for (const auto uid : plain) members.push_back(Uid{uid});
    REQUIRE(set.expand(100) == members);
    REQUIRE(UidSet::of(members) == set);
    for (std::size_t i = 1; i < set.ranges().size(); ++i)
      REQUIRE(set.ranges()[i - 1].second + 1 < set.ranges()[i].first);
  }
}

TEST_CASE("a hostile set is not expanded") {
  CHECK_FALSE(UidSet::parse("1:4294967295")->expand(1000));
  CHECK(UidSet::parse("4294967290:4294967295")->expand(6)->size() == 6);
  CHECK_FALSE(UidSet::parse("1:7")->expand(6));
}

TEST_CASE("a set is cut into texts of bounded length that together are the set") {
  UidSet set;
  for (std::uint32_t uid = 1; uid < 2000; uid += 3) set.add(Uid{uid});
  UidSet again;
  const auto texts = set.texts(100);
  CHECK(texts.size() > 20);
  for (const auto& text : texts) {
    CHECK(text.size() <= 100);
    const auto part = UidSet::parse(text);
    REQUIRE(part);
    for (const auto& [first, last] : part->ranges()) again.add(Uid{first}, Uid{last});
  }
  CHECK(again == set);
  CHECK(UidSet{}.texts(100).empty());
  CHECK(UidSet{}.text().empty());
  CHECK(UidSet::parse("123:456")->texts(1) == std::vector<std::string>{"123:456"});
}

TEST_CASE("zero is never a member") {
  UidSet set;
  set.add(Uid{0});
  CHECK(set.empty());
  set.add(Uid{0}, Uid{2});
  CHECK(set.text() == "1:2");
}
