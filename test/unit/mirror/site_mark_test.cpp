// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>

#include "mirror/control.hpp"

namespace engine = mirror::engine;

namespace {

mirror::db::SiteState site_of(std::int64_t epoch, std::string identifier, std::int64_t beat) {
  mirror::db::SiteState site;
  site.epoch = mirror::base::Epoch{epoch};
  site.system_identifier = std::move(identifier);
  site.beat = beat;
  return site;
}

}  // namespace

TEST_CASE("the mark is what was written, and none is a mark of nothing", "[site_mark]") {
  std::string folder = (std::filesystem::temp_directory_path() / "mark.XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  CHECK(engine::read_site_mark(folder).beat == 0);
  for (const char* identifier : {"7301", ""}) {
    engine::write_site_mark(folder, {7, identifier, 4711, "node \"one\" with spaces", 3});
    const auto mark = engine::read_site_mark(folder);
    CHECK(mark.epoch == 7);
    CHECK(mark.system_identifier == identifier);
    CHECK(mark.beat == 4711);
    CHECK(mark.node == "node \"one\" with spaces");
    CHECK(mark.timeline == 3);
  }
  CHECK_THROWS(engine::write_site_mark(folder + "/none", {}));
  std::filesystem::remove_all(folder);
}

TEST_CASE("a database without what this node saw went back", "[site_mark]") {
  const engine::SiteMark mark = engine::mark_of(site_of(5, "7301", 100), "a");
  CHECK(engine::went_back(mark, site_of(5, "7301", 100), "a").empty());
  CHECK(engine::went_back(mark, site_of(6, "7301", 160), "a").empty());
  CHECK(engine::went_back(mark, site_of(5, "", 101), "a").empty());
  CHECK_FALSE(engine::went_back(mark, site_of(5, "7301", 99), "a").empty());
  CHECK_FALSE(engine::went_back(mark, site_of(5, "7301", 0), "a").empty());
  CHECK_FALSE(engine::went_back(mark, site_of(4, "7301", 200), "a").empty());
  CHECK_FALSE(engine::went_back(mark, site_of(5, "7302", 200), "a").empty());
  CHECK(engine::went_back(mark, site_of(5, "7301", 3), "renamed").empty());
  CHECK(engine::went_back(engine::SiteMark{}, site_of(1, "7301", 0), "a").empty());
}

TEST_CASE("a database on another timeline is told, and an unknown one is not", "[site_mark]") {
  auto before = site_of(5, "7301", 100), now = site_of(5, "7301", 101);
  before.timeline = 1;
  const auto mark = engine::mark_of(before, "a");
  CHECK(engine::went_back(mark, now, "a").empty());
  now.timeline = 1;
  CHECK(engine::went_back(mark, now, "a").empty());
  now.timeline = 2;
  CHECK(engine::went_back(mark, now, "a").find("timeline") != std::string::npos);
  CHECK(engine::went_back(engine::mark_of(site_of(5, "7301", 100), "a"), now, "a").empty());
  // Another node told it while this one was away, and a person resumed since.
  now.told_timeline = 2;
  now.epoch = mirror::base::Epoch{6};
  CHECK(engine::went_back(mark, now, "a").empty());
  now.timeline = 3;
  CHECK_FALSE(engine::went_back(mark, now, "a").empty());
}
