// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "mirror/plan/compare.hpp"

using namespace mirror::plan;

namespace {

SideMessage one(std::uint32_t uid, std::uint8_t body, std::int64_t date = 5, std::string_view flags = "",
                std::int64_t id = 77, std::uint64_t size = 100) {
  SideMessage m{Uid{uid}, FlagSet::parse(flags), date, size, id, {}};
  m.digest[0] = body;
  return m;
}

std::string text(const std::vector<MessageDifference>& differences) {
  std::string out;
  for (const auto& d : differences) out += fmt::format("{} {}:{} ", d.kind, d.source, d.target);
  return out;
}

}  // namespace

TEST_CASE("differences are named by what does not agree") {
  struct Row {
    const char* name;
    std::vector<SideMessage> source, target;
    const char* said;
  };
  const std::vector<Row> cases{
      {"equal, other UIDs", {one(1, 1), one(2, 2)}, {one(8, 2), one(9, 1)}, ""},
      {"missing", {one(1, 1), one(2, 2, 6, "", 78)}, {one(8, 1)}, "missing 2:0 "},
      {"extra", {one(1, 1)}, {one(8, 1), one(9, 2, 6, "", 78)}, "extra 0:9 "},
      {"a flag", {one(1, 1, 5, "\\Seen")}, {one(8, 1)}, "flags 1:8 "},
      {"a keyword's spelling is no difference", {one(1, 1, 5, "$Urgent")}, {one(8, 1, 5, "$urgent")}, ""},
      {"a date", {one(1, 1, 5)}, {one(8, 1, 6)}, "date 1:8 "},
      {"a date and a flag", {one(1, 1, 5, "a")}, {one(8, 1, 6)}, "date 1:8 flags 1:8 "},
      {"an octet", {one(1, 1)}, {one(8, 2)}, "body 1:8 "},
      {"a length", {one(1, 1)}, {one(8, 1, 5, "", 77, 99)}, "body 1:8 "},
      {"an octet and a flag", {one(1, 1)}, {one(8, 2, 5, "b")}, "body 1:8 flags 1:8 "},
      {"everything", {one(1, 1, 5, "", 1)}, {one(8, 2, 6, "", 2)}, "missing 1:0 extra 0:8 "},
      {"a double on the target", {one(1, 1)}, {one(8, 1), one(9, 1)}, "extra 0:9 "},
      {"a double missing on the target", {one(1, 1), one(2, 1)}, {one(8, 1)}, "missing 2:0 "},
      {"equals pair before those with another flag",
       {one(1, 1, 5, "a"), one(2, 1, 5, "b")},
       {one(8, 1, 5, "b"), one(9, 1, 5, "c")},
       "flags 1:9 "},
  };
  for (const auto& c : cases) {
    INFO(c.name);
    CHECK(text(compare_messages(c.source, c.target)) == c.said);
  }
}

TEST_CASE("a message's text has every fact in it and no UID") {
  CHECK(digest_text(one(1, 1)) == digest_text(one(2, 1)));
  CHECK(digest_text(one(1, 1, 5, "a B")) == digest_text(one(1, 1, 5, "b A")));
  for (const auto& other :
       {one(1, 2), one(1, 1, 6), one(1, 1, 5, "a"), one(1, 1, 5, "", 78), one(1, 1, 5, "", 77, 99)})
    CHECK(digest_text(one(1, 1)) != digest_text(other));
}

TEST_CASE("the sides agree exactly when nothing is said") {
  std::mt19937 random(21);
  for (int round = 0; round < 200; ++round) {
    std::vector<SideMessage> source;
    for (std::uint32_t i = 0; i < random() % 20; ++i)
      source.push_back(one(1 + i, static_cast<std::uint8_t>(random() % 4),
                           static_cast<std::int64_t>(random() % 3), random() % 2 == 0 ? "a" : "",
                           static_cast<std::int64_t>(random() % 3)));
    auto target = source;
    std::shuffle(target.begin(), target.end(), random);
    REQUIRE(compare_messages(source, target).empty());
    if (target.empty()) continue;
    auto& altered = target[random() % target.size()];
    switch (random() % 4) {
      case 0:
        altered.date += 100;
        break;
      case 1:
        altered.flags.add("planted");
        break;
      case 2:
        altered.digest[9] = 9;
        break;
      default:
        target.pop_back();
    }
    REQUIRE_FALSE(compare_messages(source, target).empty());
    REQUIRE_FALSE(compare_messages(target, source).empty());
  }
}
