// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "mirror/plan/folder_plan.hpp"

using namespace mirror::plan;

namespace {

// name uidvalidity uidnext [mailboxid]; rows are numbered as they come, with as many mapped as UIDNEXT
// allows.
struct Spec {
  std::string name;
  std::uint32_t uidvalidity;
  std::uint32_t uidnext;
  std::string mailboxid = "";
  bool selectable = true;
};

std::vector<FolderRow> rows_of(const std::vector<Spec>& specs) {
  std::vector<FolderRow> rows;
  for (const auto& spec : specs) {
    FolderRow row;
    row.id = mirror::base::FolderId{static_cast<std::int64_t>(rows.size() + 1)};
    row.source_name = row.target_name = spec.name;
    row.source_uidvalidity = UidValidity{spec.uidvalidity};
    row.source_uidnext = Uid{spec.uidnext};
    row.mailboxid = spec.mailboxid;
    row.mapped = spec.uidnext > 0 ? spec.uidnext - 1 : 0;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<ListedFolder> listed_of(const std::vector<Spec>& specs) {
  std::vector<ListedFolder> out;
  for (const auto& spec : specs) {
    ListedFolder folder;
    folder.name = spec.name;
    folder.delimiter = '/';
    folder.uidvalidity = UidValidity{spec.uidvalidity};
    folder.uidnext = Uid{spec.uidnext};
    folder.mailboxid = spec.mailboxid;
    folder.selectable = spec.selectable;
    out.push_back(std::move(folder));
  }
  return out;
}

// "=A" kept, "A>B" renamed ("!" when sure), "+A" fresh, "-A" vanished, "?A" doubtful; sorted.
std::string text(const FolderPlan& plan) {
  std::vector<std::string> words;
  for (const auto& [row, folder] : plan.kept)
    words.push_back((row.source_name == folder.name ? "=" : "=" + row.source_name + ":") + folder.name);
  for (const auto& one : plan.renamed)
    words.push_back(one.row.source_name + ">" + one.now.name + (one.sure ? "!" : ""));
  for (const auto& folder : plan.fresh) words.push_back("+" + folder.name);
  for (const auto& row : plan.vanished) words.push_back("-" + row.source_name);
  for (const auto id : plan.doubtful) words.push_back(fmt::format("?{}", id));
  std::sort(words.begin(), words.end());
  return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace

TEST_CASE("folders are kept, renamed, made and missed as names and numbers tell") {
  struct Row {
    const char* name;
    std::vector<Spec> rows;
    std::vector<Spec> listed;
    const char* plan;
  };
  const std::vector<Row> cases{
      {"nothing known, nothing there", {}, {}, ""},
      {"first look", {}, {{"INBOX", 1, 5}, {"Old", 2, 3}}, "+INBOX +Old"},
      {"nothing changed", {{"INBOX", 1, 5}, {"Old", 2, 3}}, {{"INBOX", 1, 6}, {"Old", 2, 3}}, "=INBOX =Old"},
      {"deleted", {{"INBOX", 1, 5}, {"Old", 2, 3}}, {{"INBOX", 1, 5}}, "-Old =INBOX"},
      {"renamed", {{"Old", 2, 3}}, {{"New", 2, 3}}, "Old>New"},
      {"renamed and grown", {{"Old", 2, 3}}, {{"New", 2, 9}}, "Old>New"},
      {"renamed, by MAILBOXID", {{"Old", 2, 3, "m"}}, {{"New", 9, 1, "m"}}, "Old>New!"},
      {"another MAILBOXID is another folder", {{"Old", 2, 3, "m"}}, {{"New", 2, 3, "n"}}, "+New -Old"},
      {"renamed, empty: nothing tells it by", {{"Old", 2, 1}}, {{"New", 2, 1}}, "+New -Old"},
      {"renamed, empty, by MAILBOXID", {{"Old", 2, 1, "m"}}, {{"New", 2, 1, "m"}}, "Old>New!"},
      {"a lower UIDNEXT is another folder", {{"Old", 2, 9}}, {{"New", 2, 3}}, "+New -Old"},
      {"UIDVALIDITY not told", {{"Old", 2, 9}}, {{"New", 0, 0}}, "+New -Old"},
      {"never looked at, not told, the same name", {{"Old", 0, 0}}, {{"Old", 7, 3}}, "=Old"},
      {"swapped", {{"A", 1, 5}, {"B", 2, 5}}, {{"A", 2, 5}, {"B", 1, 5}}, "A>B B>A"},
      {"swapped, by MAILBOXID",
       {{"A", 1, 5, "a"}, {"B", 1, 5, "b"}},
       {{"A", 1, 5, "b"}, {"B", 1, 5, "a"}},
       "A>B! B>A!"},
      {"swapped, one UIDVALIDITY: only UIDNEXT tells, and of one only",
       {{"A", 1, 5}, {"B", 1, 9}},
       {{"A", 1, 9}, {"B", 1, 5}},
       "=A =B ?1"},
      {"chain", {{"A", 1, 5}, {"B", 2, 5}}, {{"B", 1, 5}, {"C", 2, 5}}, "A>B B>C"},
      {"cycle of three",
       {{"A", 1, 5}, {"B", 2, 5}, {"C", 3, 5}},
       {{"A", 3, 5}, {"B", 1, 5}, {"C", 2, 5}},
       "A>B B>C C>A"},
      {"renamed onto a name just deleted", {{"A", 1, 5}, {"B", 2, 5}}, {{"B", 1, 5}}, "-B A>B"},
      {"renamed, and a new one under the old name", {{"A", 1, 5}}, {{"A", 7, 1}, {"B", 1, 5}}, "+A A>B"},
      {"renamed, and a new one under the old name in the same second",
       {{"A", 1, 5}},
       {{"A", 1, 1}, {"B", 1, 5}},
       "+A A>B"},
      {"with children",
       {{"P", 1, 5}, {"P/x", 2, 5}, {"P/x/y", 3, 5}},
       {{"Q", 1, 5}, {"Q/x", 2, 5}, {"Q/x/y", 3, 5}},
       "P/x/y>Q/x/y P/x>Q/x P>Q"},
      {"a child alone", {{"P", 1, 5}, {"P/x", 2, 5}}, {{"P", 1, 5}, {"Q/x", 2, 5}}, "=P P/x>Q/x"},
      {"deleted and made again", {{"A", 1, 5}}, {{"A", 2, 1}}, "=A"},
      {"deleted and made again in the same second", {{"A", 1, 5}}, {{"A", 1, 1}}, "=A"},
      {"deleted and made again, by MAILBOXID", {{"A", 1, 5, "a"}}, {{"A", 1, 5, "b"}}, "=A"},
      {"all folders made in one second, one renamed",
       {{"A", 1, 5}, {"B", 1, 7}},
       {{"B", 1, 7}, {"C", 1, 5}},
       "=B ?2 A>C"},
      {"renamed onto a name just deleted, one UIDVALIDITY",
       {{"A", 1, 5}, {"B", 1, 9}},
       {{"A", 1, 9}},
       "-B =A ?1"},
      {"ambiguous: two places", {{"A", 1, 5}}, {{"B", 1, 5}, {"C", 1, 6}}, "+B +C -A"},
      {"ambiguous: two that may have gone there", {{"A", 1, 5}, {"B", 1, 5}}, {{"C", 1, 9}}, "+C -A -B"},
      {"MAILBOXID settles what numbers leave open",
       {{"A", 1, 5, "a"}, {"B", 1, 5}},
       {{"C", 1, 9, "a"}, {"D", 1, 5}},
       "A>C! B>D"},
      {"a sure rename comes before a name without identity",
       {{"A", 0, 0}, {"B", 2, 5, "b"}},
       {{"A", 2, 5, "b"}},
       "-A B>A!"},
      {"INBOX in any case", {{"INBOX", 1, 5}}, {{"Inbox", 1, 5}}, "=INBOX:Inbox"},
      {"RENAME INBOX moves the messages, not INBOX",
       {{"INBOX", 1, 5}},
       {{"INBOX", 1, 5}, {"Saved", 1, 5}},
       "+Saved =INBOX"},
      {"INBOX with new numbers stays INBOX",
       {{"INBOX", 1, 5}},
       {{"INBOX", 9, 1}, {"Saved", 1, 5}},
       "+Saved =INBOX"},
      {"nothing becomes INBOX", {{"A", 1, 5}}, {{"INBOX", 1, 5}}, "+INBOX -A"},
      {"no longer selectable",
       {{"P", 1, 5}, {"P/x", 2, 5}},
       {{"P", 0, 0, "", false}, {"P/x", 2, 5}},
       "-P =P/x"},
      {"listed twice", {{"A", 1, 5}}, {{"A", 1, 5}, {"A", 1, 5}, {"N", 3, 1}, {"N", 3, 1}}, "+N =A"},
      {"a name in another case is another folder", {{"work", 1, 1}}, {{"Work", 1, 1}}, "+Work -work"},
  };
  CHECK(cases.size() >= 24);
  for (const auto& c : cases) {
    INFO(c.name);
    CHECK(text(plan_folders(rows_of(c.rows), listed_of(c.listed))) == c.plan);
    // What is found does not hang on the order of the lists.
    auto listed = listed_of(c.listed);
    std::reverse(listed.begin(), listed.end());
    CHECK(text(plan_folders(rows_of(c.rows), listed)) == c.plan);
  }
}

TEST_CASE("every row and every folder is in the plan exactly once") {
  std::mt19937 random(5);
  const std::vector<std::string> names{"INBOX", "A", "B", "C", "A/x", "B/x", "C/x"};
  for (int round = 0; round < 400; ++round) {
    const auto some = [&] {
      std::vector<Spec> specs;
      for (const auto& name : names)
        if (random() % 3 != 0)
          specs.push_back({name, 1 + static_cast<std::uint32_t>(random() % 3),
                           1 + static_cast<std::uint32_t>(random() % 4),
                           random() % 2 == 0 ? "" : std::string(1, static_cast<char>('a' + specs.size())),
                           true});
      return specs;
    };
    const auto rows = rows_of(some());
    const auto listed = listed_of(some());
    const auto plan = plan_folders(rows, listed);
    std::vector<std::string> had, have;
    for (const auto& [row, folder] : plan.kept) {
      had.push_back(row.source_name);
      have.push_back(folder.name);
      REQUIRE(row.source_name == folder.name);
    }
    for (const auto& one : plan.renamed) {
      had.push_back(one.row.source_name);
      have.push_back(one.now.name);
      REQUIRE_FALSE(is_inbox(one.row.source_name));
      REQUIRE_FALSE(is_inbox(one.now.name));
    }
    for (const auto& row : plan.vanished) had.push_back(row.source_name);
    for (const auto& folder : plan.fresh) have.push_back(folder.name);
    std::vector<std::string> all_rows, all_listed;
    for (const auto& row : rows) all_rows.push_back(row.source_name);
    for (const auto& folder : listed) all_listed.push_back(folder.name);
    std::sort(had.begin(), had.end());
    std::sort(have.begin(), have.end());
    std::sort(all_rows.begin(), all_rows.end());
    std::sort(all_listed.begin(), all_listed.end());
    REQUIRE(had == all_rows);
    REQUIRE(have == all_listed);
  }
}

TEST_CASE("subscriptions are made equal, a folder's absence and a foreign folder notwithstanding") {
  const auto folder = [](const char* name, bool subscribed) {
    ListedFolder f;
    f.name = name;
    f.subscribed = subscribed;
    return f;
  };
  const std::map<std::string, bool> wanted{
      {"both", true}, {"neither", false}, {"to do", true}, {"undo", false}, {"no folder", true}};
  const std::vector<ListedFolder> target{
      folder("both", true),  folder("neither", false), folder("to do", false), folder("undo", true),
      folder("drift", true), folder("excluded", true), folder("plain", false)};
  std::string said;
  for (const auto& change : plan_subscriptions(wanted, target, {"excluded"}))
    said += (change.subscribe ? "+" : "-") + change.target_name + " ";
  CHECK(said == "+no folder +to do -undo -drift ");
  auto after = target;
  for (const auto& change : plan_subscriptions(wanted, target, {"excluded"})) {
    const auto found =
        std::find_if(after.begin(), after.end(), [&](const auto& f) { return f.name == change.target_name; });
    if (found != after.end())
      found->subscribed = change.subscribe;
    else
      after.push_back(folder(change.target_name.c_str(), change.subscribe));
  }
  CHECK(plan_subscriptions(wanted, after, {"excluded"}).empty());
}

TEST_CASE("INBOX is one subscription in any spelling") {
  ListedFolder inbox;
  inbox.name = "Inbox";
  inbox.subscribed = true;
  CHECK(plan_subscriptions({{"INBOX", true}}, {inbox}, {}).empty());
}

TEST_CASE("a rename that the messages contradict leaves the row with its name") {
  // A became B's number's owner: "A" was renamed to "B", and another "A" was made.
  auto plan = plan_folders(rows_of({{"A", 7, 4}}), listed_of({{"A", 9, 2}, {"B", 7, 6}}));
  REQUIRE(text(plan) == "+A A>B");
  reject_renames(plan, std::exchange(plan.renamed, {}));
  CHECK(text(plan) == "+B =A");

  plan = plan_folders(rows_of({{"A", 7, 4}}), listed_of({{"B", 7, 6}}));
  REQUIRE(text(plan) == "A>B");
  reject_renames(plan, std::exchange(plan.renamed, {}));
  CHECK(text(plan) == "+B -A");
}

TEST_CASE("no row loses its name to a rename that the messages contradict") {
  // Two that seem to have gone on by one: neither did.
  auto plan = plan_folders(rows_of({{"A", 7, 4}, {"B", 8, 4}}), listed_of({{"B", 7, 4}, {"C", 8, 4}}));
  REQUIRE(text(plan) == "A>B B>C");
  reject_renames(plan, std::exchange(plan.renamed, {}));
  CHECK(text(plan) == "+C -A =B");

  plan = plan_folders(rows_of({{"A", 7, 4}, {"B", 8, 4}}), listed_of({{"B", 7, 4}}));
  REQUIRE(text(plan) == "-B A>B");
  reject_renames(plan, std::exchange(plan.renamed, {}));
  CHECK(text(plan) == "-A =B");
}
