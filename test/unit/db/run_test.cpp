// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "db/records.hpp"
#include "support/cluster.hpp"
#include "support/run.hpp"

using namespace mirror;

TEST_CASE("a run is ended by the node that has it, and once") {
  const auto connection = test::Cluster::shared().fresh_database();
  const auto sql = [&](const char* text) { return test::Cluster::shared().query(connection, text); };
  db::Pool pool{db::PoolSettings{connection, 1, false}};
  const auto finish = [&](const char* node, const char* state) {
    return test::run(db::finish_run(pool, base::RunId{1}, node, state, "{}"));
  };
  sql("insert into run (kind, state, node_id, requested_by, reason) values ('store_test', 'running', 'new', "
      "'test', '')");
  CHECK_FALSE(finish("old", "failed"));
  CHECK(sql("select state from run") == "running");
  CHECK(finish("new", "done"));
  CHECK_FALSE(finish("new", "failed"));
  CHECK(sql("select state from run") == "done");
  CHECK(sql("select count(*) from event where type = 'run.finished'") == "1");
  pool.join();
}
