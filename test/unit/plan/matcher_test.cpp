// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "mirror/plan/matcher.hpp"

using namespace mirror::plan;

namespace {

Digest digest(std::uint8_t n) {
  Digest d{};
  d[0] = n;
  d[31] = 1;
  return d;
}

Contender one(std::uint32_t uid, std::uint8_t body, std::uint8_t canonical, std::string_view flags = "") {
  return {Uid{uid}, FlagSet::parse(flags), digest(body), digest(canonical)};
}

Contender dated(std::uint32_t uid, std::int64_t date, std::string_view flags = "", bool same_date = false) {
  auto contender = one(uid, 1, 1, flags);
  contender.date = date;
  contender.same_date = same_date;
  return contender;
}

std::string text(const Match& match) {
  std::string out;
  for (const auto& pair : match.pairs)
    out += fmt::format("{}{}{} ", pair.source, pair.exact ? "=" : "~", pair.target);
  out += fmt::format("| {} | {}", fmt::join(match.absent, " "), fmt::join(match.strangers, " "));
  return out;
}

}  // namespace

TEST_CASE("messages find their copies") {
  struct Row {
    const char* name;
    std::vector<Contender> wanted, present;
    const char* match;
  };
  const std::vector<Row> cases{
      {"nothing", {}, {}, "|  | "},
      {"one", {one(1, 1, 1)}, {one(9, 1, 1)}, "1=9 |  | "},
      {"absent", {one(1, 1, 1), one(2, 2, 2)}, {}, "| 1 2 | "},
      {"strangers", {}, {one(9, 1, 1), one(8, 2, 2)}, "|  | 8 9"},
      {"other order", {one(1, 1, 1), one(2, 2, 2)}, {one(5, 2, 2), one(6, 1, 1)}, "1=6 2=5 |  | "},
      {"duplicates in UID order",
       {one(1, 1, 1), one(2, 1, 1)},
       {one(6, 1, 1), one(5, 1, 1)},
       "1=5 2=6 |  | "},
      {"duplicates keep their number: one too few",
       {one(1, 1, 1), one(2, 1, 1), one(3, 1, 1)},
       {one(5, 1, 1), one(6, 1, 1)},
       "1=5 2=6 | 3 | "},
      {"duplicates keep their number: one too many",
       {one(1, 1, 1)},
       {one(5, 1, 1), one(6, 1, 1)},
       "1=5 |  | 6"},
      {"equal dates before equal flags",
       {dated(1, 100, "a"), dated(2, 200, "b")},
       {dated(5, 200, "a"), dated(6, 100, "b")},
       "1=6 2=5 |  | "},
      {"another date is better than a second copy", {dated(1, 100)}, {dated(5, 200)}, "1=5 |  | "},
      {"but not where it goes anyway",
       {dated(1, 100), dated(2, 200)},
       {dated(5, 200, "", true), dated(6, 300, "", true)},
       "2=5 | 1 | 6"},
      {"equal flags first",
       {one(1, 1, 1, "a"), one(2, 1, 1, "b")},
       {one(5, 1, 1, "b"), one(6, 1, 1, "a")},
       "1=6 2=5 |  | "},
      {"equal flags first, then UID order",
       {one(1, 1, 1), one(2, 1, 1, "b"), one(3, 1, 1)},
       {one(5, 1, 1, "b"), one(6, 1, 1, "x"), one(7, 1, 1, "y")},
       "1=6 2=5 3=7 |  | "},
      {"flags alone pair nothing", {one(1, 1, 1, "a")}, {one(5, 2, 2, "a")}, "| 1 | 5"},
      {"altered", {one(1, 1, 7)}, {one(5, 2, 7)}, "1~5 |  | "},
      {"exact before altered, whatever the UIDs say",
       {one(1, 1, 7), one(2, 2, 7)},
       {one(5, 2, 7), one(6, 3, 7)},
       "1~6 2=5 |  | "},
      {"exact before altered, whatever the flags say",
       {one(1, 1, 7, "a")},
       {one(5, 2, 7, "a"), one(6, 1, 7, "b")},
       "1=6 |  | 5"},
  };
  for (const auto& c : cases) {
    INFO(c.name);
    CHECK(text(match(c.wanted, c.present)) == c.match);
  }
}

TEST_CASE("a digest that nobody read pairs with nothing") {
  const Contender blank{Uid{1}, {}, {}, {}};
  const Contender other{Uid{2}, {}, {}, {}};
  CHECK(text(match({blank}, {other})) == "| 1 | 2");
  const Contender read{Uid{3}, {}, digest(1), {}};
  const Contender also{Uid{4}, {}, digest(2), {}};
  CHECK(text(match({read}, {also})) == "| 3 | 4");
}

TEST_CASE("every message is paired, absent or a stranger, and as many are paired as can be") {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    const auto some = [&](std::uint32_t first) {
      std::vector<Contender> out;
      for (std::uint32_t i = 0; i < random() % 30; ++i) {
        const auto body = static_cast<std::uint8_t>(random() % 8);
        out.push_back(one(first + i, body, body / 2, random() % 2 == 0 ? "a" : "b"));
      }
      std::shuffle(out.begin(), out.end(), random);
      return out;
    };
    const auto wanted = some(1), present = some(100);
    const auto result = match(wanted, present);
    std::set<Uid> sources, targets;
    for (const auto& pair : result.pairs) {
      sources.insert(pair.source);
      targets.insert(pair.target);
    }
    REQUIRE(sources.size() == result.pairs.size());
    REQUIRE(targets.size() == result.pairs.size());
    for (const auto uid : result.absent) REQUIRE(sources.insert(uid).second);
    for (const auto uid : result.strangers) REQUIRE(targets.insert(uid).second);
    REQUIRE(sources.size() == wanted.size());
    REQUIRE(targets.size() == present.size());

    std::map<Digest, int> left_wanted, left_present, by_body, exact_possible;
    std::map<Uid, const Contender*> w, p;
    for (const auto& c : wanted) w[c.uid] = &c;
    for (const auto& c : present) p[c.uid] = &c;
    for (const auto uid : result.absent) ++left_wanted[w.at(uid)->canonical];
    for (const auto uid : result.strangers) ++left_present[p.at(uid)->canonical];
    for (const auto& [canonical, count] : left_wanted) REQUIRE(left_present[canonical] == 0);
    for (const auto& pair : result.pairs) {
      REQUIRE(w.at(pair.source)->canonical == p.at(pair.target)->canonical);
      REQUIRE(pair.exact == (w.at(pair.source)->digest == p.at(pair.target)->digest));
      if (pair.exact) ++by_body[w.at(pair.source)->digest];
    }
    for (std::uint8_t body = 0; body < 8; ++body) {
      const auto count = [&](const auto& side) {
        return std::count_if(side.begin(), side.end(),
                             [&](const auto& c) { return c.digest == digest(body); });
      };
      REQUIRE(by_body[digest(body)] == std::min(count(wanted), count(present)));
    }
  }
}
