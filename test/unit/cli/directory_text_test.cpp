// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "cli/directory_text.hpp"
#include "cli/field_options.hpp"

using namespace mirror;
namespace json = boost::json;

namespace {

std::string change(const char* text) {
  return cli::format_change(json::parse(text).as_object());
}

}  // namespace

TEST_CASE("a change reads like a review of code") {
  CHECK(change(R"({"kind":"modify","state":"planned","key":"1001","target_dn":"uid=1001","new_dn":"",
    "drift":true,"attributes":[
    {"attribute":"sn","name":"Last Name","kind":"text","before":["Smith","Both"],"after":["Both","Smyth"],"drift":true},
    {"attribute":"Password","name":"Password","kind":"password","differs":true},
    {"attribute":"umRecordedName","name":"Recorded Name","kind":"binary",
     "before":[{"octets":24576,"sha256":"1f2e3d4c"}],"after":[{"octets":30720,"sha256":"9a8b7c6d"}]},
    {"attribute":"Misc1","after":["new"]}]})") ==
        "~ modify 1001  uid=1001  (drift)\n"
        "    - Last Name: Smith  (drift)\n"
        "    + Last Name: Smyth\n"
        "    Password: differs\n"
        "    Recorded Name: 24 KiB sha256 1f2e.. -> 30 KiB sha256 9a8b..\n"
        "    + Misc1: new\n");
  CHECK(change(R"({"kind":"rename","state":"planned","key":"1","target_dn":"uid=1","new_dn":"uid=2"})") ==
        "> rename 1  uid=1 -> uid=2\n");
  CHECK(
      change(
          R"({"kind":"add","state":"planned","key":"1","target_dn":"","new_dn":"uid=2","source_dn":"x"})") ==
      "+ add 1  uid=2\n");
  CHECK(change(R"({"kind":"delete","state":"held","key":"1","target_dn":"uid=1","detail":"60 of 100"})") ==
        "- delete 1  uid=1  (held: 60 of 100)\n");
  CHECK(change(R"({"kind":"disable","state":"refused","key":"1","target_dn":"uid=1","code":"MRD-DIR-005",
    "detail":"no"})") == "! disable 1  uid=1  (refused: MRD-DIR-005 no)\n");
}

TEST_CASE("values never reach the terminal as they are, and an order alone is shown as one") {
  CHECK(change(R"({"kind":"modify","state":"planned","key":"1","target_dn":"uid=1","attributes":[
    {"name":"N","kind":"text","before":["\u001b[2J"],"after":["a\nb"]}]})") ==
        "~ modify 1  uid=1\n    - N: \\x1b[2J\n    + N: a\\x0ab\n");
  CHECK(change(R"({"kind":"modify","state":"planned","key":"1","target_dn":"u","attributes":[
    {"name":"N","kind":"text","before":["a","b"],"after":["b","a"]}]})") ==
        "~ modify 1  u\n    - N: a\n    - N: b\n    + N: b\n    + N: a\n");
}

TEST_CASE("a plan is settled when nothing of it is left and both sides were read completely") {
  const auto plan = [](const std::string& states, const std::string& kinds, const std::string& incomplete) {
    return json::parse(R"({"equal_entries":5,"foreign_entries":0,"drift":0,"states":{)" + states +
                       R"(},"kinds":{)" + kinds + R"(},"incomplete":")" + incomplete + "\"}")
        .as_object();
  };
  CHECK(cli::is_settled(plan(R"("done":0)", R"("add":0)", "")));
  CHECK(cli::is_settled(plan(R"("done":1,"unneeded":1)", R"("add":2)", "")));
  CHECK_FALSE(cli::is_settled(plan(R"("done":1,"held":1)", R"("add":2)", "")));
  CHECK_FALSE(cli::is_settled(plan(R"("done":1,"planned":1)", R"("add":2)", "")));
  CHECK_FALSE(cli::is_settled(plan(R"("done":0)", R"("add":0)", "cut short")));
  CHECK(cli::format_counts(plan(R"("done":1,"held":2)", R"("add":2,"modify":1)", "")) ==
        "3 changes: 2 add, 1 modify; 1 done, 2 held; 5 equal");
  CHECK(cli::format_counts(plan(R"("done":0)", R"("add":0)", "")) == "no change; 5 equal");
}

TEST_CASE("the status of a link says where, when, what and what is wrong") {
  const std::string text = cli::format_directory_link(
      json::parse(
          R"({"link":"main","source":"p","target":"d","source_address":"l:636","target_address":"m:636",
        "scheduled":"apply","next_run_at":"T","running":"7","last_plan":null,"pairs":{"active":2,"disabled":1},
        "mailboxes_from_directory":3,"problems":[{"code":"MRD-DIR-002","text":"60","next_step":"look"}]})")
          .as_object());
  CHECK(text ==
        "main: p l:636 -> d m:636\n  scheduled: apply, next T, run 7 under way\n  never compared\n"
        "  pairs: 2 active, 1 disabled; mailboxes from the directory: 3\n  MRD-DIR-002 60\n    what to do: "
        "look\n");
}

TEST_CASE("a list is split at its commas") {
  CHECK(cli::split_list("add,modify") == std::vector<std::string>{"add", "modify"});
  CHECK(cli::split_list("").empty());
}
