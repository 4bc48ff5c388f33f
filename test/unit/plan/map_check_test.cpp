// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/map_check.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>

using namespace mirror::plan;

namespace {

SideMessage message(std::uint32_t uid, std::uint8_t body, std::uint64_t size = 100, std::int64_t date = 5) {
  SideMessage m{Uid{uid}, {}, date, size, 77, {}};
  m.digest[0] = body;
  return m;
}

MapRow row(std::uint32_t source, std::uint32_t target, std::uint8_t body, std::uint64_t size = 100) {
  MapRow r;
  r.source = Uid{source};
  r.target = Uid{target};
  r.target_size = size;
  r.target_date = 5;
  r.digest.emplace();
  (*r.digest)[0] = body;
  return r;
}

std::string said(const std::vector<MapRow>& rows, const std::vector<SideMessage>& source,
                 const std::vector<SideMessage>& target, bool deep) {
  std::string out;
  for (const auto& d : wrong_rows(rows, source, target, deep))
    out += fmt::format("{}:{} ", d.source, d.target);
  return out;
}

}  // namespace

TEST_CASE("rows of the map that cannot be true are named") {
  const std::vector<SideMessage> source{message(1, 1), message(2, 2), message(3, 3, 200)};
  const std::vector<SideMessage> target{message(11, 1), message(12, 2), message(13, 3, 200)};
  const std::vector<MapRow> right{row(1, 11, 1), row(2, 12, 2), row(3, 13, 3, 200)};
  CHECK(said(right, source, target, true).empty());
  CHECK(said({row(1, 99, 1)}, source, target, false).empty());
  CHECK(said({row(1, 99, 1)}, source, target, true) == "1:99 ");
  CHECK(said({row(1, 13, 1)}, source, target, false) == "1:13 ");
  // Of one size and date: the content tells.
  CHECK(said({row(1, 12, 1), row(2, 11, 2)}, source, target, false).empty());
  CHECK(said({row(1, 12, 1), row(2, 11, 2)}, source, target, true) == "1:12 2:11 ");
  CHECK(said({row(1, 11, 9)}, source, target, true) == "1:11 ");
  // What the target altered has a digest that nothing on the source has.
  CHECK(said({row(1, 11, 1)}, source, {message(11, 7)}, true).empty());
  // Gone from the source, or never read back: nothing can be said.
  CHECK(said({row(5, 99, 1)}, source, target, true).empty());
  CHECK(said({row(1, 13, 1, 0)}, source, target, false).empty());
}
