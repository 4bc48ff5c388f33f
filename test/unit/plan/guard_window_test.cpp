// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <limits>

#include "mirror/plan/guard.hpp"
#include "mirror/plan/window.hpp"

using namespace mirror;
using namespace mirror::plan;

namespace {

// So many contents, which differ; those of another size are others.
std::vector<Content> likes(std::size_t count, std::uint8_t size = 1) {
  std::vector<Content> out;
  for (std::size_t i = 0; i < count; ++i) {
    base::Digest digest{};
    digest[0] = size;
    digest[1] = static_cast<std::uint8_t>(i >> 8U);
    digest[2] = static_cast<std::uint8_t>(i);
    out.emplace_back(digest);
  }
  return out;
}

}  // namespace

TEST_CASE("deletions beyond a limit are held") {
  struct Row {
    const char* name;
    std::size_t removed;
    std::uint64_t mapped, today;
    GuardLimits limits;
    bool hold;
  };
  const Row c = GENERATE(
      Row{"none", 0, 1000, 0, {}, false}, Row{"none now, many before", 0, 1000, 5000, {}, false},
      Row{"a small mailbox emptied", 10, 10, 0, {}, false},
      Row{"one more than small, emptied", 11, 11, 0, {}, true}, Row{"half", 500, 1000, 0, {}, false},
      Row{"more than half", 501, 1000, 0, {}, true}, Row{"half, in two passes", 250, 750, 250, {}, false},
      Row{"more than half, in two passes", 251, 750, 250, {}, true},
      Row{"at the count", 1000, 1'000'000, 0, {}, false},
      Row{"above the count", 1001, 1'000'000, 0, {}, true},
      Row{"above the count, in two passes", 2, 1'000'000, 999, {}, true},
      Row{"limit 0: every one", 1, 1000, 0, {0, 100}, true},
      Row{"all allowed", 11, 11, 0, {1000, 100}, false},
      Row{"a mailbox of unknown size", 11, 0, 0, {}, true});
  INFO(c.name);
  GuardInput input;
  input.removed = likes(c.removed);
  input.mapped = c.mapped;
  input.removed_today = c.today;
  const auto verdict = judge_removals(input, c.limits);
  CHECK(verdict.hold == c.hold);
  CHECK(verdict.counted == c.removed);
  CHECK(verdict.reason.empty() == !c.hold);
}

TEST_CASE("what goes from many small mailboxes in an hour is held as a whole") {
  GuardInput input;
  input.removed = likes(5);
  input.mapped = 5;
  input.link_mapped = 900;
  GuardLimits limits;
  limits.link_percent = 10;
  input.link_removed = 95;  // 100 together: not looked at
  CHECK_FALSE(judge_removals(input, limits).hold);
  input.link_removed = 96;  // 101 of 996
  CHECK(judge_removals(input, limits).hold);
  CHECK_FALSE(judge_removals(input, {}).hold);
  input.link_mapped = 2000;  // a twentieth
  CHECK_FALSE(judge_removals(input, limits).hold);
}

TEST_CASE("what the link's limit holds goes on counting until somebody lets it go") {
  GuardInput input;
  input.removed = likes(5);
  input.mapped = 50;
  input.link_mapped = 900;
  GuardLimits limits;
  limits.link_percent = 10;
  input.link_held = 95;
  CHECK_FALSE(judge_removals(input, limits).hold);
  input.link_held = 96;
  CHECK(judge_removals(input, limits).hold);
  CHECK(judge_removals(input, limits).scope == HoldScope::link);
  input.added = likes(5);  // moved, not deleted
  CHECK_FALSE(judge_removals(input, limits).hold);
}

TEST_CASE("what went with an INBOX of another UIDVALIDITY is held, unless it came back elsewhere") {
  GuardInput input;
  input.removed = likes(1);
  input.mapped = 50;
  CHECK_FALSE(judge_removals(input, {}).hold);
  input.inbox_anew = true;
  CHECK(judge_removals(input, {}).hold);
  CHECK(judge_removals(input, {}).scope == HoldScope::mailbox);
  input.added = likes(1);
  CHECK_FALSE(judge_removals(input, {}).hold);
}

TEST_CASE("a deletion paired with an append is a move and is not counted, one for one") {
  GuardInput input;
  input.mapped = 40;
  input.removed = likes(30);
  input.added = likes(30);
  CHECK(judge_removals(input, {}).counted == 0);
  CHECK_FALSE(judge_removals(input, {}).hold);
  input.added = likes(5);
  CHECK(judge_removals(input, {}).counted == 25);
  CHECK(judge_removals(input, {}).hold);
  input.removed.assign(30, likes(1, 7).front());
  input.added.assign(1, likes(1, 7).front());
  CHECK(judge_removals(input, {}).counted == 29);
  input.added = likes(30, 2);
  CHECK(judge_removals(input, {}).counted == 30);
  // Without a digest nobody knows what it was.
  input.removed.assign(30, std::nullopt);
  input.added.assign(30, std::nullopt);
  CHECK(judge_removals(input, {}).counted == 30);
}

namespace {

std::string cut(const std::vector<std::uint64_t>& sizes, const WindowLimits& limits,
                const std::vector<int>& tries = {}) {
  std::vector<CopyItem> items;
  for (const auto size : sizes) {
    CopyItem item;
    item.source = Uid{static_cast<std::uint32_t>(items.size() + 1)};
    item.size = size;
    if (items.size() < tries.size()) item.tries = tries[items.size()];
    items.push_back(item);
  }
  std::string out;
  for (const auto& window : cut_windows(std::move(items), limits)) {
    for (const auto& item : window) out += fmt::format("{} ", item.source);
    out += "| ";
  }
  return out;
}

}  // namespace

TEST_CASE("a window holds a few messages and a few octets, in the order given") {
  constexpr auto k_huge = std::numeric_limits<std::uint64_t>::max();
  CHECK(cut({}, {3, 100}) == "");
  CHECK(cut({1, 1, 1, 1}, {3, 100}) == "1 2 3 | 4 | ");
  CHECK(cut({60, 40, 1}, {3, 100}) == "1 2 | 3 | ");
  CHECK(cut({60, 41}, {3, 100}) == "1 | 2 | ");
  CHECK(cut({10, 500, 10}, {3, 100}) == "1 | 2 | 3 | ");
  CHECK(cut({0, 0, 0, 0}, {2, 0}) == "1 2 | 3 4 | ");
  CHECK(cut({1, 1}, {0, 100}) == "1 | 2 | ");
  CHECK(cut({10, k_huge, 10, 10}, {9, 100}) == "1 | 2 | 3 4 | ");
  CHECK(cut({k_huge, k_huge, k_huge}, {9, k_huge}) == "1 | 2 | 3 | ");
}

TEST_CASE("what a connection ended with is sent in smaller windows, then alone, in the order given") {
  const std::vector<std::uint64_t> five(5, 1);
  CHECK(cut(five, {9, 100}, {1, 1, 1, 1, 1}) == "1 | 2 | 3 | 4 | 5 | ");
  CHECK(cut(five, {9, 100}, {0, 0, 1, 0, 0}) == "1 2 | 3 | 4 5 | ");
  CHECK(cut(five, {9, 100}, {2, 2, 0, 0, 3}) == "1 | 2 | 3 4 | 5 | ");
  const std::vector<std::uint64_t> many(17, 1);
  CHECK(cut(many, {9, 100}, std::vector<int>(17, 1)) ==
        "1 2 3 | 4 5 6 | 7 8 9 | 10 11 12 | 13 14 15 | 16 17 | ");
  CHECK(cut(many, {2, 100}, std::vector<int>(17, 1)).starts_with("1 2 | 3 4 | "));
}
