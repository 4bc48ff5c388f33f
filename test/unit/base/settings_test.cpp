// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/settings.hpp"

using namespace mirror::base;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> texts_of(const SettingsDocument& document) {
  std::vector<std::string> out;
  for (const auto& error : document.errors()) out.push_back(error.format());
  return out;
}

}  // namespace

TEST_CASE("every kind of value is read") {
  auto document = SettingsDocument::from_text(R"(
name = "prod"
port = 993
tls = true
limit = "1500ms"
chunk = "64KiB"
octets = 17
masks = ["a*", "b"]
mode = "poll"
[inner]
x = 1
[[link]]
from = "a"
[[link]]
from = "b"
[store.one]
host = "h1"
[store.two]
host = "h2"
)",
                                              "t.toml");
  auto root = document.root();
  CHECK(root.text("name") == "prod");
  CHECK(root.integer("port", 1, 65535) == 993);
  CHECK(root.boolean("tls") == true);
  CHECK(root.duration("limit") == 1500ms);
  CHECK(root.size("chunk") == 65536u);
  CHECK(root.size("octets") == 17u);
  CHECK(root.texts("masks") == std::vector<std::string>{"a*", "b"});
  CHECK(root.choice("mode", {"push", "poll"}) == "poll");
  CHECK(root.table("inner")->integer("x", 0, 9) == 1);
  auto links = root.tables("link");
  REQUIRE(links.size() == 2);
  CHECK(links[1].text("from") == "b");
  auto stores = root.named_tables("store");
  REQUIRE(stores.size() == 2);
  CHECK(stores[0].first == "one");
  CHECK(stores[0].second.text("host") == "h1");
  CHECK(stores[1].second.text("host") == "h2");
  CHECK_FALSE(root.text("absent"));
  CHECK_FALSE(root.has("absent"));
  CHECK(root.has("name"));
  root.finish();
  for (auto& [name, store] : stores) store.finish();
  CHECK(texts_of(document) == std::vector<std::string>{});
}

TEST_CASE("an unknown key is an error at its place with the nearest known key") {
  auto document = SettingsDocument::from_text("host = \"h\"\nprot = 993\n\n[watch]\nzzz = 1\n", "etc/m.toml");
  auto root = document.root();
  (void)root.text("host");
  (void)root.integer("port", 1, 65535);
  auto watch = root.table("watch");
  (void)watch->boolean("idle");
  watch->finish();  // out of order: the errors still come in the order of the file
  root.finish();
  CHECK(texts_of(document) == std::vector<std::string>{
                                  "etc/m.toml:2:1: unknown key \"prot\"; did you mean \"port\"?",
                                  "etc/m.toml:5:1: unknown key \"zzz\"",
                              });
}

TEST_CASE("all wrong values are reported at once, each with what it should be") {
  auto document = SettingsDocument::from_text(
      "a = 1\nb = \"x\"\nc = 70000\nd = 1\ne = \"5 minutes\"\nf = \"8MB\"\ng = [\"ok\", 1]\nh = \"pol\"\ni = "
      "\"qqq\"\n"
      "j = 1\nk = [1]\nl = -1\nm = \"x\"\n",
      "f");
  auto root = document.root();
  CHECK_FALSE(root.text("a"));
  CHECK_FALSE(root.integer("b", 0, 1));
  CHECK_FALSE(root.integer("c", 1, 65535));
  CHECK_FALSE(root.boolean("d"));
  CHECK_FALSE(root.duration("e"));
  CHECK_FALSE(root.size("f"));
  (void)root.texts("g");
  CHECK_FALSE(root.choice("h", {"push", "poll"}));
  CHECK_FALSE(root.choice("i", {"push", "poll"}));
  CHECK_FALSE(root.table("j"));
  CHECK(root.tables("k").empty());
  CHECK_FALSE(root.size("l"));
  CHECK(root.named_tables("m").empty());
  root.finish();
  const auto out = texts_of(document);
  REQUIRE(out.size() == 13);
  CHECK(out[0] == "f:1:5: \"a\" must be a text in quotes");
  CHECK(out[2] == "f:3:5: \"c\" must be a whole number from 1 to 65535");
  CHECK(out[6].starts_with("f:7:12: "));
  CHECK(out[7] == "f:8:5: \"pol\" is no value for \"h\"; did you mean \"poll\"?");
  CHECK(out[8] == "f:9:5: \"qqq\" is no value for \"i\"; it must be one of \"push\", \"poll\"");
}

TEST_CASE("a missing key is an error at its table, a complaint at its key") {
  auto document = SettingsDocument::from_text("[store.a]\nhost = \"h\"\n", "f");
  auto store = document.root().named_tables("store").at(0).second;
  store.require("host");
  store.require("port");
  store.complain("host", "no such host");
  CHECK(texts_of(document) == std::vector<std::string>{"f:1:1: \"port\" is missing", "f:2:8: no such host"});
}

TEST_CASE("a text that is no TOML names its place and the tables are empty") {
  auto document = SettingsDocument::from_text("a = 1\nb = = 2\n", "f");
  REQUIRE(document.errors().size() == 1);
  CHECK(document.errors()[0].line == 2);
  CHECK_FALSE(document.root().has("a"));
}

TEST_CASE("a file that cannot be read is an error without a line") {
  auto missing = SettingsDocument::from_file("/nonexistent/m.toml");
  CHECK(texts_of(missing) == std::vector<std::string>{"/nonexistent/m.toml: cannot be read"});
  auto folder = SettingsDocument::from_file("/tmp");
  CHECK(texts_of(folder) == std::vector<std::string>{"/tmp: cannot be read"});
}

TEST_CASE("a file is read, an empty one too") {
  char name[] = "/tmp/mirror-unit-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  std::ofstream(folder + "/a.toml") << "x = 5\n";
  std::ofstream(folder + "/empty.toml") << "";
  auto document = SettingsDocument::from_file(folder + "/a.toml");
  CHECK(document.root().integer("x", 0, 9) == 5);
  auto moved = std::move(document);
  CHECK(moved.root().has("x"));
  CHECK(SettingsDocument::from_file(folder + "/empty.toml").errors().empty());
  std::filesystem::remove_all(folder);
}

TEST_CASE("times are a number and a unit") {
  CHECK(parse_duration("250ms") == 250ms);
  CHECK(parse_duration("60s") == 60s);
  CHECK(parse_duration("3650d") == 3650 * 24h);
  CHECK_FALSE(parse_duration("3651d"));
  CHECK_FALSE(parse_duration("9223372036854775807ms"));
  CHECK(parse_duration("5m") == 5min);
  CHECK(parse_duration("4h") == 4h);
  CHECK(parse_duration("1d") == 24h);
  CHECK(parse_duration("0s") == 0s);
  const char* const wrong =
      GENERATE("", "5", "s", "-5s", "5 s", "5s ", "1.5s", "5S", "99999999999999999999s", "9999999999999999d");
  INFO(wrong);
  CHECK_FALSE(parse_duration(wrong));
}

TEST_CASE("a time that is too long is told the longest") {
  auto document = SettingsDocument::from_text("a = \"3651d\"\nb = \"5 minutes\"\nc = 5\n", "f");
  auto root = document.root();
  for (const char* key : {"a", "b", "c"}) CHECK_FALSE(root.duration(key));
  const auto out = texts_of(document);
  REQUIRE(out.size() == 3);
  CHECK(out[0] == "f:1:5: \"a\" must be at most \"3650d\"");
  CHECK(out[1].find("\"b\" must be a time such as") != std::string::npos);
  CHECK(out[2].find("\"c\" must be a time such as") != std::string::npos);
}

TEST_CASE("the nearest word is near or none") {
  const std::vector<std::string> known{"port", "host", "username", "password", "tls"};
  CHECK(nearest("prot", known) == "port");
  CHECK(nearest("PORT", known) == "port");
  CHECK(nearest("pasword", known) == "password");
  CHECK(nearest("user_name", known) == "username");
  CHECK(nearest("tsl", known) == "tls");
  CHECK_FALSE(nearest("interval", known));
  CHECK_FALSE(nearest("", known));
  CHECK_FALSE(nearest("xyz", known));
  CHECK_FALSE(nearest(std::string(100000, 'a'), known));
  CHECK_FALSE(nearest("port", {}));
}
