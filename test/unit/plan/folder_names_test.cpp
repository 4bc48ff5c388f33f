// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "mirror/plan/folder_names.hpp"

using namespace mirror::plan;

namespace {

NameRules rules(char source, char target, std::string refused = "", std::string refused_first = "") {
  NameRules r;
  r.source_delimiter = source;
  r.target_delimiter = target;
  r.refused = std::move(refused);
  r.refused_first = std::move(refused_first);
  return r;
}

}  // namespace

TEST_CASE("a folder has one name on the other server") {
  struct Row {
    const char* source;
    NameRules rules;
    const char* target;
  };
  auto prefixed = rules('.', '/');
  prefixed.source_prefix = "INBOX.";
  auto to_prefix = rules('/', '.');
  to_prefix.target_prefix = "INBOX.";
  const std::vector<Row> cases{
      {"INBOX", rules('/', '/'), "INBOX"},
      {"inbox", rules('/', '.'), "INBOX"},
      {"Inbox", to_prefix, "INBOX"},
      {"Work", rules('/', '/'), "Work"},
      {"a/b/c", rules('/', '.'), "a.b.c"},
      {"a.b", rules('.', '/'), "a/b"},
      {"a.b", rules('/', '.'), "a=2Eb"},
      {"a/b.c", rules('/', '.'), "a.b=2Ec"},
      {"a/b.c", rules('.', '/'), "a=2Fb/c"},
      {"a/b", rules(0, '/'), "a=2Fb"},
      {"a.b/c", rules('/', 0), "a=2Eb.c"},
      {"Inbox/Sub", rules('/', '/'), "INBOX/Sub"},
      {"a/Inbox", rules('/', '/'), "a/Inbox"},
      {"a=2Fb", rules('/', '/'), "a=3D2Fb"},
      {"a=2fb", rules('/', '/'), "a=3D2fb"},
      {"a=b", rules('/', '/'), "a=b"},
      {"a=", rules('/', '/'), "a="},
      {"~x/~y", rules('/', '/', "", "~"), "=7Ex/~y"},
      {"50%\"a\"", rules('/', '/', "%\""), "50=25=22a=22"},
      {"tab\there", rules('/', '/'), "tab=09here"},
      {"H\xC3\xB6rer \xF0\x9F\x93\x9E", rules('/', '.'), "H\xC3\xB6rer \xF0\x9F\x93\x9E"},
      {"INBOX.Work.x", prefixed, "Work/x"},
      {"Public.x", prefixed, "Public/x"},
      {"Work/x", to_prefix, "INBOX.Work.x"},
      {"INBOX/x", to_prefix, "INBOX.INBOX.x"},
      {"INBOX.INBOX", prefixed, "=49NBOX"},
      {"INBOX.inbox", prefixed, "=69nbox"},
  };
  for (const auto& c : cases) {
    INFO(c.source << " " << c.rules.source_delimiter << c.rules.target_delimiter);
    CHECK(target_folder_name(c.source, c.rules) == c.target);
  }
}

TEST_CASE("no two folders share a target name, and every name leads back") {
  const std::string alphabet = "aAbf1239=./%~ \x01\xC3\xA9";
  const std::vector<NameRules> all{
      rules('/', '/'), rules('/', '.'), rules('.', '/'), rules('/', 0), rules('.', '/', "%=", "~"),
      rules(0, '.')};
  std::mt19937 random(9);
  for (const auto& r : all) {
    std::map<std::string, std::string> back;
    for (int round = 0; round < 1500; ++round) {
      std::string name;
      for (std::size_t i = 0; i < 1 + random() % 7; ++i) name += alphabet[random() % alphabet.size()];
      const std::string target = target_folder_name(name, r);
      INFO(name << " > " << target);
      const auto [entry, fresh] = back.emplace(target, name);
      REQUIRE((fresh || entry->second == name));
      std::string again;
      const char separator = r.target_delimiter == 0 ? '.' : r.target_delimiter;
      for (std::size_t at = 0;;) {
        const auto cut = target.find(separator, at);
        again += unescape_part(std::string_view(target).substr(at, cut - at));
        if (cut == std::string::npos) break;
        again += r.source_delimiter;
        at = cut + 1;
      }
      REQUIRE(again == name);
      for (const char c : r.refused)
        if (c != '=') REQUIRE(target.find(c) == std::string::npos);
    }
  }
}

TEST_CASE("what only looks like an escape is left alone") {
  CHECK(unescape_part("=2Fa=2") == "/a=2");
  CHECK(unescape_part("==2F") == "=/");
  CHECK(unescape_part("=zz=") == "=zz=");
  CHECK(unescape_part("") == "");
}

TEST_CASE("INBOX in any case is one folder") {
  CHECK(is_inbox("INBOX"));
  CHECK(is_inbox("iNbOx"));
  CHECK_FALSE(is_inbox("INBOX/x"));
  CHECK_FALSE(is_inbox("INBO"));
  CHECK_FALSE(is_inbox(""));
}

TEST_CASE("a mask is matched against the whole name") {
  struct Row {
    const char* mask;
    const char* name;
    bool matches;
  };
  const Row c = GENERATE(
      Row{"*", "", true}, Row{"*", "a/b", true}, Row{"", "", true}, Row{"", "a", false}, Row{"?", "", false},
      Row{"a*", "abc", true}, Row{"*c", "abc", true}, Row{"a*c", "abc", true}, Row{"a*c", "abcd", false},
      Row{"a*b*c", "aXbXbXc", true}, Row{"a*b*c", "acb", false}, Row{"**a", "ba", true},
      Row{"a?c", "abc", true}, Row{"a?c", "ac", false}, Row{"WORK*", "work/x", true},
      Row{"inbox", "INBOX", true}, Row{"*aab", "aaaab", true}, Row{"f??", "f\xC3\xB6x", true},
      Row{"f?x", "f\xC3\xB6x", true}, Row{"f??x", "f\xC3\xB6x", false}, Row{"?", "\xF0\x9F\x93\x9E", true},
      Row{"*?", "\xC3\xB6", true}, Row{"[ab]", "a", false}, Row{"a.c", "abc", false});
  INFO(c.mask << " " << c.name);
  CHECK(glob_match(c.mask, c.name) == c.matches);
}

TEST_CASE("a folder is in scope when an include matches and no exclude does") {
  CHECK(in_scope("Work", {"*"}, {}));
  CHECK_FALSE(in_scope("Work", {}, {}));
  CHECK_FALSE(in_scope("Work/x", {"*"}, {"work/*"}));
  CHECK(in_scope("Work", {"INBOX", "Work"}, {"Work/*"}));
}
