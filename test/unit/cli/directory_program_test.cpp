// SPDX-License-Identifier: Apache-2.0
// The verbs of the directory mirror against a served API.
#include <catch2/catch.hpp>

#include "unit/cli/shell.hpp"
#include "unit/http/served.hpp"

using namespace mirror;
namespace json = boost::json;

namespace {

void configure(test::Served& served, test::Shell& shell) {
  for (const char* name : {"prod", "dr"}) {
    const std::string store(name);
    REQUIRE(shell.run("store add " + store + " --host h --port 993").code == 0);
    REQUIRE(shell.run("directory store set " + store + " --host l --port 636 --base-dn o=x").code == 0);
  }
  REQUIRE(shell.run("link add main --source prod --target dr").code == 0);
  REQUIRE(shell.run("directory link set main").code == 0);
  // In place of an engine: what is asked for is done at once, and leaves a plan with what the test put there.
  served.sql(
      "create table wanted (kind text, state text, key text, attributes jsonb);"
      "create function fulfil() returns trigger language plpgsql as $$ declare p bigint; begin "
      "update run set state = 'done' where id = new.id; if new.options ->> 'plan' is not null then return "
      "null; "
      "end if; insert into directory_plan (link_id, run_id, state, equal_entries) values (new.link_id, "
      "new.id, "
      "'planned', 5) returning id into p; insert into directory_change (plan_id, kind, state, key, "
      "target_dn, "
      "attributes) select p, kind, state, key, 'uid=' || key, attributes from wanted; return null; end $$;"
      "create trigger fulfil after insert on run for each row when (new.kind = 'directory') execute function "
      "fulfil()");
}

}  // namespace

TEST_CASE("directories are set, shown and removed by mirrorctl, and a secret comes from a file") {
  test::Served served;
  test::Shell shell(served.socket);
  REQUIRE(shell.run("store add prod --host h --port 993").code == 0);
  CHECK(shell.run("directory store show prod").code == 4);
  CHECK(shell.run("directory store set prod --host l").code == 2);
  CHECK(shell.run("directory store set prod").code == 2);
  const auto made =
      shell.run("directory store set prod --host l --port 636 --base-dn ou=P,o=x --secret-file " +
                shell.file("s", "s3cr3t\n") + " --json");
  CHECK(made.code == 0);
  CHECK(json::parse(made.out).at("password_set") == true);
  CHECK(made.out.find("s3cr3t") == std::string::npos);
  CHECK(shell.run("directory store set prod --port 389 --tls starttls").code == 0);
  const auto shown = json::parse(shell.run("directory store show prod --json").out);
  CHECK(shown.at("port") == 389);
  CHECK(shown.at("base_dn") == "ou=P,o=x");
  CHECK(shell.run("directory credential set prod --secret-file " + shell.file("s", "other")).code == 0);
  CHECK(shell.run("directory store remove prod").code == 0);
  CHECK(shell.run("directory store remove prod").code == 4);

  shell.run("store add dr --host h --port 993");
  shell.run("link add main --source prod --target dr");
  CHECK(shell.run("directory link set main --times 02:00,25:00").code == 2);
  CHECK(shell.run("directory link set main --map-file " + shell.file("m", "{}")).code == 2);
  const std::string map = shell.file("m", R"([{"source":"cn","target":"displayName","required":true}])");
  CHECK(shell.run("directory link set main --scheduled plan --times 02:00,03:00 --map-file " + map).code ==
        0);
  const auto mirror = shell.run("directory link show main");
  CHECK(mirror.out.find("[\"02:00\",\"03:00\"]") != std::string::npos);
  CHECK(mirror.out.find("displayName") != std::string::npos);
  CHECK(shell.run("directory link remove main").code == 0);
  CHECK(shell.run("directory link show main").code == 4);
}

TEST_CASE("plan, run and apply wait, say what they found and end with a code that scripts can trust") {
  test::Served served;
  test::Shell shell(served.socket);
  CHECK(shell.run("directory status").code == 0);
  configure(served, shell);
  CHECK(shell.run("directory status main").out.find("never compared") != std::string::npos);
  const auto equal = shell.run("directory plan");
  CHECK(equal.code == 0);
  CHECK(equal.out == "plan 1: no change; 5 equal\n");
  CHECK(shell.run("directory run").code == 0);

  served.sql(R"(insert into wanted values ('modify', 'planned', '1001',
             '[{"name":"Last Name","kind":"text","before":["Smith"],"after":["Smyth"]}]'))");
  const auto plan = shell.run("directory plan --link main");
  CHECK(plan.code == 5);
  CHECK(plan.out ==
        "~ modify 1001  uid=1001\n    - Last Name: Smith\n    + Last Name: Smyth\n"
        "plan 3: 1 change: 1 modify; 1 planned; 5 equal\n");
  CHECK(plan.err.find("mirrorctl directory apply --plan 3 --link main") != std::string::npos);
  const auto rows = json::parse(shell.run("directory plan --json").out);
  CHECK(rows.at("plan").at("kinds").at("modify") == 1);
  CHECK(rows.at("items").at(0).at("key") == "1001");

  CHECK(shell.run("directory apply --plan 3").code == 3);
  CHECK(shell.run("directory apply --only ad").code == 2);
  CHECK(shell.run("directory apply --allow-mass-delete").code == 2);
  const auto held = shell.run("directory apply --only add,modify");
  CHECK(held.code == 5);
  CHECK(held.out.find("plan 4: 1 change") != std::string::npos);
  served.sql("update directory_change set state = 'done'");
  const auto applied = shell.run("directory apply --plan 4 --allow-mass-delete --reason moved --json");
  CHECK(applied.code == 0);
  CHECK(json::parse(applied.out).at("plan").at("states").at("done") == 1);
  CHECK(json::parse(applied.out).at("options").at("allow_mass_delete") == true);

  served.sql("update wanted set state = 'held'");
  const auto run = shell.run("directory run --reason now");
  CHECK(run.code == 5);
  CHECK(run.err.find("next: mirrorctl directory status main") != std::string::npos);
  CHECK(shell.run("directory run --no-wait").code == 0);
  served.sql(
      "drop trigger fulfil on run; create function fail() returns trigger language plpgsql as $$ begin "
      "update run set state = 'failed', result = '{\"detail\": \"no answer\"}' where id = new.id; return "
      "null; end $$; create trigger fail after insert on run for each row execute function fail()");
  const auto failed = shell.run("directory plan");
  CHECK(failed.code == 1);
  CHECK(failed.err.find("no answer") != std::string::npos);
  CHECK(shell.run("directory run").code == 1);
  // A plan of another run is not this one's.
  served.sql(
      "create or replace function fail() returns trigger language plpgsql as $$ begin update run set state = "
      "'done' where id = new.id; return null; end $$");
  CHECK(shell.run("directory plan").code == 1);
}

TEST_CASE("one entry and the history are shown by number") {
  test::Served served;
  test::Shell shell(served.socket);
  configure(served, shell);
  CHECK(shell.run("directory show 1001").code == 4);
  served.sql(
      "insert into directory_history (link_id, plan_id, run_id, kind, key, reason) select id, 1, 1, "
      "'modify', "
      "x, 'why' from link, unnest(array['1001', '1002']) x");
  const auto shown = shell.run("directory show 1001");
  CHECK(shown.code == 0);
  CHECK(shown.out.find("why") != std::string::npos);
  CHECK(json::parse(shell.run("directory history 1001 --json").out).at("items").as_array().size() == 1);
  CHECK(json::parse(shell.run("directory history --limit 5 --json").out).at("items").as_array().size() == 2);
}

TEST_CASE("a document's files of directories are read beside it") {
  test::Served served;
  test::Shell shell(served.socket);
  shell.file("ldap.secret", "s3cr3t\n");
  const std::string document = shell.file(
      "c.toml",
      "[store.a]\nhost=\"h\"\nport=993\n[store.a.directory]\nhost=\"l\"\nport=636\nbase_dn=\"o=x\"\n"
      "password_file=\"ldap.secret\"\n");
  CHECK(shell.run("config check " + document).code == 0);
  CHECK(shell.run("config apply " + document + " --dry-run").code == 5);
  CHECK(shell.run("config apply " + document).code == 0);
  CHECK(served.sql("select count(*) from directory where password_sealed is not null") == "1");
  const std::string exported = shell.file("e.toml", shell.run("config export").out);
  CHECK(shell.run("config apply " + exported + " --dry-run").code == 0);
}
