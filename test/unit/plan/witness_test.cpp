// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "mirror/plan/witness.hpp"

using namespace mirror;
using namespace mirror::plan;

namespace {

MapRow row(std::uint32_t source, std::uint32_t target) {
  MapRow out;
  out.source = base::Uid{source};
  out.target = base::Uid{target};
  return out;
}

FolderView view(std::initializer_list<std::uint32_t> uids) {
  FolderView out;
  for (const auto uid : uids) {
    SeenMessage message;
    message.uid = base::Uid{uid};
    out.messages.push_back(message);
  }
  return out;
}

}  // namespace

TEST_CASE("the witnesses are the newest of the map that are still there") {
  const std::vector<MapRow> rows{row(1, 9), row(2, 8), row(3, 7), row(4, 6), row(5, 5)};
  CHECK(witnesses(rows, view({1, 2, 3, 4, 6}), Side::source).text() == "2:4");
  CHECK(witnesses(rows, view({9, 5, 1}), Side::target).text() == "5,9");
  CHECK(witnesses(rows, view({}), Side::source).empty());
  CHECK(witnesses({}, view({1, 2}), Side::source).empty());
}

TEST_CASE("another message is told by its Message-ID, else by its date") {
  struct Case {
    const char* name;
    std::int64_t row_id, row_date, seen_id, seen_date;
    bool another;
  };
  const auto c = GENERATE(
      Case{"equal", 7, 100, 7, 100, false},  //
      Case{"another id", 7, 100, 8, 100, true}, Case{"a date that a restore touched", 7, 100, 7, 200, false},
      Case{"no id, same date", 0, 100, 0, 100, false}, Case{"no id, another date", 0, 100, 0, 101, true},
      Case{"an id on one side alone", 7, 100, 0, 100, false},
      Case{"an id on one side alone, another date", 0, 100, 7, 101, true});
  INFO(c.name);
  MapRow known = row(1, 1);
  known.message_id_hash = c.row_id;
  known.date = c.row_date;
  CopyItem seen;
  seen.source = base::Uid{1};
  seen.message_id_hash = c.seen_id;
  seen.date.unix_seconds = c.seen_date;
  CHECK(is_another(known, seen, Side::source) == c.another);
  CHECK(is_another(known, seen, Side::target) == c.another);
}

TEST_CASE("a target that clamps dates and alters headers is asked for what was read back") {
  MapRow known = row(1, 1);
  known.date = 100;
  known.message_id_hash = 7;
  known.target_size = 5;
  known.target_date = 90;
  CopyItem seen;
  seen.date.unix_seconds = 90;
  seen.size = 5;
  seen.message_id_hash = 8;
  CHECK_FALSE(is_another(known, seen, Side::target));
  CHECK(is_another(known, seen, Side::source));
  seen.size = 6;
  CHECK(is_another(known, seen, Side::target));
}
