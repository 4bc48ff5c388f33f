// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/failure.hpp"
#include "db/config_stores.hpp"
#include "db/migrate.hpp"
#include "db/view_events.hpp"
#include "support/cluster.hpp"
#include "support/run.hpp"

using namespace mirror;

namespace {

struct Fixture {
  std::string connection = test::Cluster::shared().fresh_database();
  db::Pool pool{db::PoolSettings{connection, 2, false}};
  ~Fixture() { pool.join(); }
  std::string sql(const std::string& text) { return test::Cluster::shared().query(connection, text); }
};

std::string code_of(const std::function<void()>& work) {
  try {
    work();
    return "";
  } catch (const base::Failed& failed) {
    return std::string(failed.failure().code());
  }
}

}  // namespace

TEST_CASE("a migration that changed after it was applied is refused, one not applied too") {
  Fixture site;
  site.sql("set client_min_messages = warning; drop schema public cascade; create schema public");
  auto migrations = db::read_migrations(MIRROR_TEST_SCHEMA);
  CHECK(!code_of([&] { test::run(db::require_current(site.pool, migrations)); }).empty());
  CHECK(test::run(db::migrate(site.pool, migrations)) == static_cast<int>(migrations.size()));
  CHECK(test::run(db::migrate(site.pool, migrations)) == 0);
  CHECK(code_of([&] { test::run(db::require_current(site.pool, migrations)); }).empty());
  migrations[0].sha256[0] = migrations[0].sha256[0] == 'a' ? 'b' : 'a';
  CHECK(!code_of([&] { test::run(db::require_current(site.pool, migrations)); }).empty());
}

TEST_CASE("a restarted server costs one failure per connection, then the pool works again") {
  Fixture site;
  test::run(site.pool.probe());
  test::Cluster::shared().restart();
  std::string last = "none";
  for (int i = 0; i < 4 && !last.empty(); ++i) last = code_of([&] { test::run(site.pool.probe()); });
  CHECK(last.empty());
}

TEST_CASE("a refused change leaves nothing behind") {
  Fixture site;
  const db::Actor actor{"test", "r"};
  test::run(db::add_store(site.pool, "a", R"({"host":"h","port":993})", actor));
  const auto audits = site.sql("select count(*) from audit");
  const auto again = [&] {
    try {
      test::run(db::add_store(site.pool, "a", R"({"host":"h","port":993})", actor));
      return false;
    } catch (const db::Refused& refused) {
      return refused.why() == db::Refused::Why::exists;
    }
  };
  CHECK(again());
  CHECK(site.sql("select count(*) from audit") == audits);
  // A word the schema does not know is refused by the schema itself.
  CHECK(!code_of([&] {
           test::run(db::edit_store(site.pool, "a", R"({"tls":"perhaps"})", std::nullopt, actor));
         }).empty());
  CHECK(site.sql("select tls from store") == "implicit");
}

TEST_CASE("events are read in order, without gaps, from any id, and a filter does not hide where to go on") {
  Fixture site;
  for (int i = 0; i < 5; ++i) site.sql("select add_event('message.copied', 'info', '', 'm', null, '', '{}')");
  site.sql("select add_event('state.changed', 'info', '', '', null, '', '{}')");
  db::EventQuery query;
  query.limit = 2;
  const auto first = test::run(db::read_events(site.pool, query));
  CHECK(first.count == 2);
  CHECK(first.last_id == 2);
  CHECK(first.head_id == 6);
  query.after = 2;
  query.limit = 100;
  query.types = {"state.*"};
  const auto rest = test::run(db::read_events(site.pool, query));
  CHECK(rest.count == 1);
  CHECK(rest.last_id == 6);
  query.mailbox = "m";
  CHECK(test::run(db::read_events(site.pool, query)).count == 0);
}

TEST_CASE("times leave as RFC 3339 in UTC with milliseconds") {
  Fixture site;
  site.sql("select add_event('a.b', 'info', '', '', null, '', '{}')");
  site.sql("update event set at = '2024-03-31 02:30:00.5+02'");
  CHECK(test::run(db::read_events(site.pool, {})).items.find("\"time\":\"2024-03-31T00:30:00.500Z\"") !=
        std::string::npos);
}
