// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "served.hpp"

using namespace mirror;
namespace json = boost::json;

namespace {

constexpr const char* k_directory = R"({"host":"l","port":636,"base_dn":"o=x","bind_dn":"cn=m"})";

void configure(test::Served& served, bool directories = true) {
  served.call("POST", "/api/v1/stores", R"({"name":"prod","host":"p","port":993})");
  served.call("POST", "/api/v1/stores", R"({"name":"dr","host":"d","port":993})");
  served.call("POST", "/api/v1/links", R"({"name":"main","source":"prod","target":"dr"})");
  if (!directories) return;
  REQUIRE(served.call("PUT", "/api/v1/stores/prod/directory", k_directory).status == 201);
  REQUIRE(served.call("PUT", "/api/v1/stores/dr/directory", k_directory).status == 201);
  REQUIRE(served.call("PUT", "/api/v1/links/main/directory", "{}").status == 201);
}

// A plan with changes of every sort; returns its id.
std::string add_plan(test::Served& served, const std::string& state = "planned") {
  const std::string id = served.sql(
      "insert into directory_plan (link_id, run_id, state, source_entries, target_entries, equal_entries, "
      "guard) "
      "select id, 7, '" +
      state + "', 10, 9, 6, 'too many' from link returning id");
  served.sql(
      "insert into directory_change (plan_id, kind, state, key, target_dn, drift, code, attributes) select " +
      id +
      ", x.* from (values ('modify', 'planned', '1001', 'uid=1001', true, '', '[{\"name\": \"Last "
      "Name\"}]'::jsonb), "
      "('add', 'refused', '1002', '', false, 'MRD-DIR-005', '[]'), "
      "('delete', 'held', '1003', 'uid=1003', false, '', '[]'), "
      "('modify', 'waiting', '1004', 'uid=1004', false, '', '[]')) x");
  return id;
}

int start(test::Served& served, const std::string& body) {
  return served.call("POST", "/api/v1/directory/runs", body).status;
}

}  // namespace

TEST_CASE("a store's directory: put, patched under If-Match, replaced as a whole, removed") {
  test::Served served;
  configure(served, false);
  const std::string path = "/api/v1/stores/prod/directory";
  CHECK(served.call("GET", path).status == 404);
  CHECK(served.call("GET", "/api/v1/stores/none/directory").status == 404);
  CHECK(served.call("PUT", path, R"({"host":"l"})").status == 422);
  CHECK(served.call("PATCH", path, R"({"port":1})", {{"If-Match", "1"}}).status == 404);
  const auto made = served.call("PUT", path, k_directory);
  CHECK(made.status == 201);
  CHECK(made.etag == "\"1\"");
  CHECK(served.call("PATCH", path, R"({"port":1})").status == 428);
  CHECK(served.call("PATCH", path, R"({"port":1})", {{"If-Match", "9"}}).status == 412);
  const auto edited =
      served.call("PATCH", path, R"({"port":1,"other_addresses":["a:1","b:2"]})", {{"If-Match", "1"}});
  CHECK(edited.status == 200);
  CHECK(json::parse(edited.body).at("bind_dn") == "cn=m");
  CHECK(json::parse(edited.body).at("other_addresses") == json::array{"a:1", "b:2"});
  CHECK(served.call("PUT", path, R"({"host":"l","port":2,"base_dn":"o=y"})", {{"If-Match", "1"}}).status ==
        412);
  const auto whole = served.call("PUT", path, R"({"host":"l","port":2,"base_dn":"o=y"})");
  CHECK(whole.status == 200);
  CHECK(json::parse(whole.body).at("bind_dn") == "");
  CHECK(json::parse(whole.body).at("other_addresses") == json::array{});
  CHECK(served.call("DELETE", path).status == 428);
  CHECK(served.call("DELETE", path, "", {{"If-Match", "3"}}).status == 204);
  CHECK(served.call("GET", path).status == 404);
  CHECK(served.sql("select string_agg(action, ' ' order by id) from audit where action like 'directory.%'") ==
        "directory.put directory.put directory.put directory.remove");
}

TEST_CASE("a directory's password goes in sealed, bound to its store, and never comes out") {
  test::Served served;
  configure(served);
  const std::string path = "/api/v1/stores/dr/directory/credential";
  CHECK(served.call("PUT", path, R"({"password":"s3cr3t-word"})").status == 204);
  CHECK(served.call("PUT", path, R"({"password":""})").status == 422);
  CHECK(served.call("PUT", "/api/v1/stores/none/directory/credential", R"({"password":"x"})").status == 404);
  CHECK(served.get("/api/v1/stores/dr/directory").at("password_set") == true);
  CHECK(served.get("/api/v1/stores/prod/directory").at("password_set") == false);
  const auto hex =
      served.sql("select encode(password_sealed, 'hex') from directory where password_sealed is not null");
  std::vector<std::uint8_t> sealed;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    sealed.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  const auto id = served.sql("select id from store where name = 'dr'");
  CHECK(served.sealer->open(sealed, "directory/" + id + "/password").value().reveal() == "s3cr3t-word");
  CHECK(served.sealer->open(sealed, "store/" + id + "/password").has_error());
  for (const char* at : {"/api/v1/stores/dr/directory", "/api/v1/config", "/api/v1/audit", "/api/v1/events",
                         "/api/v1/directory"})
    CHECK(served.call("GET", at).body.find("s3cr3t") == std::string::npos);
}

TEST_CASE("a link's directory mirror: defaults, times that exist, reckoned anew when they change") {
  test::Served served;
  configure(served);
  const std::string path = "/api/v1/links/main/directory";
  const auto made = served.get(path);
  CHECK(made.at("scheduled") == "apply");
  CHECK(made.at("fields") == json::array{});
  CHECK(made.at("next_run_at").is_null());
  int version = 1;
  const auto patch = [&](const std::string& body) {
    const int status = served.call("PATCH", path, body, {{"If-Match", std::to_string(version)}}).status;
    if (status == 200) ++version;
    return status;
  };
  CHECK(patch(R"({"times":["02:00","25:00"]})") == 422);
  CHECK(patch(R"({"time_zone":"Europe/Berln"})") == 422);
  CHECK(patch(R"({"fields":[{"suorce":"cn"}]})") == 422);
  CHECK(patch(R"({"fields":[{"source":"cn"}],"guard_count":7})") == 200);
  served.sql("update directory_mirror set next_run_at = now()");
  CHECK(patch(R"({"guard_count":8})") == 200);
  CHECK_FALSE(served.get(path).at("next_run_at").is_null());
  CHECK(patch(R"({"time_zone":"Europe/Berlin"})") == 200);
  CHECK(served.get(path).at("next_run_at").is_null());
  CHECK(served.get(path).at("fields").at(0).at("source") == "cn");
  CHECK(served.call("PUT", path, "{}").status == 200);
  CHECK(served.get(path).at("guard_count") == 50);
  CHECK(served.get(path).at("fields") == json::array{});
  CHECK(served.call("PUT", "/api/v1/links/none/directory", "{}").status == 404);
  CHECK(served.call("DELETE", path, "", {{"If-Match", std::to_string(version + 1)}}).status == 204);
  CHECK(served.get("/api/v1/directory").at("items") == json::array{});
}

TEST_CASE("a document with directories is applied in one transaction, and its export changes nothing") {
  test::Served served;
  const std::string text = R"(
[store.prod]
host = "p"
port = 993
[store.prod.directory]
host = "l"
port = 636
base_dn = "o=x"
other_addresses = ["m:636"]
password_file = "s"
[store.dr]
host = "d"
port = 993
[store.dr.directory]
host = "::1"
port = 389
tls = "none"
base_dn = "o=y"
[link.main]
source = "prod"
target = "dr"
[link.main.directory]
times = []
interval_seconds = 3600
[[link.main.directory.field]]
source = "MailboxNumber"
required = true
transforms = ["trim"]
)";
  const auto send = [&](const char* verb, const std::string& document, const json::object& files) {
    return served.call("POST", std::string("/api/v1/config/") + verb,
                       json::serialize(json::object{{"document", document}, {"files", files}}));
  };
  CHECK(send("apply", text, {}).status == 422);
  const auto applied = send("apply", text, {{"s", "s3cr3t"}});
  INFO(applied.body);
  REQUIRE(applied.status == 200);
  CHECK(served.sql("select count(*) from directory where password_sealed is not null") == "1");
  const std::string exported = served.call("GET", "/api/v1/config").body;
  const auto again = json::parse(send("plan", exported, {}).body);
  CHECK(again.at("changes") == false);
  CHECK(again.at("lines") == json::array{});
  CHECK(send("apply", text + "\n[link.nope]\nsource=\"prod\"\ntarget=\"none\"\n", {{"s", "x"}}).status ==
        422);
  const std::string wrong_zone =
      "[link.main]\nsource=\"prod\"\ntarget=\"dr\"\n[link.main.directory]\ntime_zone=\"Nowhere/City\"\n";
  CHECK(send("apply", wrong_zone, {}).status == 422);
  CHECK(served.call("GET", "/api/v1/config").body == exported);
  CHECK(served.get("/api/v1/directory").at("items").at(0).at("target_address") == "[::1]:389");
}

TEST_CASE("directory runs: started with their options, one at a time, refused with reasons") {
  test::Served served;
  configure(served, false);
  CHECK(start(served, "{}") == 404);
  served.call("PUT", "/api/v1/links/main/directory", "{}");
  CHECK(start(served, "{}") == 404);
  served.call("PUT", "/api/v1/stores/prod/directory", k_directory);
  served.call("PUT", "/api/v1/stores/dr/directory", k_directory);
  CHECK(start(served, R"({"link":"none"})") == 404);
  CHECK(start(served, R"({"only":["add"]})") == 422);
  CHECK(start(served, R"({"apply":true,"only":["ad"]})") == 422);
  CHECK(start(served, R"({"apply":true,"allow_mass_delete":true})") == 422);
  CHECK(start(served, R"({"apply":true,"plan":"99"})") == 404);
  CHECK(start(served, R"({"apply":true,"plan":"x"})") == 404);
  served.sql("update site set state = 'suspended'");
  CHECK(start(served, "{}") == 409);
  CHECK(start(served, R"({"apply":true})") == 409);
  served.sql("update site set state = 'mirroring'");
  const std::string old = add_plan(served, "superseded"), plan = add_plan(served, "reading");
  CHECK(start(served, R"({"apply":true,"plan":")" + old + "\"}") == 409);
  CHECK(start(served, R"({"apply":true,"plan":")" + plan + "\"}") == 409);
  served.sql("update directory_plan set state = 'planned'");
  CHECK(start(served, R"({"apply":true,"plan":")" + old + "\"}") == 409);
  const auto started =
      served.call("POST", "/api/v1/directory/runs",
                  R"({"apply":true,"plan":")" + plan +
                      R"(","only":["add","modify"],"allow_mass_delete":true,"reason":"moved"})");
  REQUIRE(started.status == 202);
  const auto run = json::parse(started.body).as_object();
  CHECK(run.at("kind") == "directory");
  CHECK(run.at("link") == "main");
  CHECK(run.at("options") == json::parse(R"({"apply":true,"plan":)" + plan +
                                         R"(,"only":["add","modify"],"allow_mass_delete":true})"));
  const std::string id(run.at("id").as_string());
  const auto second = served.call("POST", "/api/v1/directory/runs", "{}");
  CHECK(second.status == 409);
  CHECK(second.body.find("run " + id) != std::string::npos);
  CHECK(served.get("/api/v1/directory").at("items").at(0).at("running") == json::value(id));
  served.sql("update run set state = 'running'");
  CHECK(start(served, "{}") == 409);
  served.sql("update run set state = 'done'");
  CHECK(start(served, "{}") == 202);
  CHECK(served.sql("select options from run order by id desc limit 1") ==
        R"({"only": [], "plan": null, "apply": false, "allow_mass_delete": false})");
  CHECK(served.sql(
            "select reason || ' ' || object from audit where action = 'run.directory' order by id limit 1") ==
        "moved main");
  CHECK(served.sql("select count(*) from event where type = 'run.queued'") == "2");
}

TEST_CASE("the status of a directory mirror counts its last plan and names its problems") {
  test::Served served;
  configure(served);
  CHECK(served.get("/api/v1/directory").at("items").at(0).at("last_plan").is_null());
  CHECK(served.get("/api/v1/directory").at("items").at(0).at("problems") == json::array{});
  const std::string plan = add_plan(served);
  // One that is being read says nothing yet.
  served.sql("insert into directory_plan (link_id, run_id) select id, 8 from link");
  served.sql(
      "insert into directory_pair (link_id, source_uuid, target_uuid, key, source_fields, state) select "
      "id, x, x, x, '', case x when 'c' then 'disabled' else 'active' end from link, "
      "unnest(array['a','b','c']) x");
  const auto link = served.get("/api/v1/directory?link=main").at("items").at(0).as_object();
  CHECK(link.at("source_address") == "l:636");
  CHECK(link.at("pairs") == json::parse(R"({"active":2,"disabled":1})"));
  CHECK(link.at("mailboxes_from_directory") == 0);
  const auto& last = link.at("last_plan").as_object();
  CHECK(last.at("id") == json::value(plan));
  CHECK(last.at("states").at("held") == 1);
  CHECK(last.at("states").at("done") == 0);
  CHECK(last.at("kinds").at("modify") == 2);
  CHECK(last.at("drift") == 1);
  const auto& problems = link.at("problems").as_array();
  REQUIRE(problems.size() == 3);
  CHECK(problems[0].at("code") == "MRD-DIR-002");
  CHECK(problems[1].at("text") == "1 changes wait");
  CHECK(problems[2].at("code") == "MRD-DIR-005");
  CHECK_FALSE(problems[2].at("next_step").as_string().empty());
  served.sql("update directory_plan set guard_released_by = 'unix:x', incomplete = 'sizeLimitExceeded'");
  const auto left = served.get("/api/v1/directory").at("items").at(0).at("problems").as_array();
  REQUIRE(left.size() == 3);
  CHECK(left[0].at("code") == "MRD-DIR-001");
  CHECK(left[1].at("code") == "MRD-DIR-003");
  CHECK(served.call("GET", "/api/v1/directory?link=none").status == 404);
}

TEST_CASE("plans, their changes, the history and one entry are found and paged") {
  test::Served served;
  configure(served);
  CHECK(served.call("GET", "/api/v1/directory/plans/newest").status == 404);
  CHECK(served.call("GET", "/api/v1/directory/plans/1").status == 404);
  CHECK(served.call("GET", "/api/v1/directory/plans/1/changes").status == 404);
  const std::string first = add_plan(served), second = add_plan(served);
  const auto plans = served.get("/api/v1/directory/plans").at("items").as_array();
  REQUIRE(plans.size() == 2);
  CHECK(plans[0].at("id") == json::value(second));
  CHECK(served.get("/api/v1/directory/plans?limit=1&after=" + second).at("items").at(0).at("id") ==
        json::value(first));
  CHECK(served.get("/api/v1/directory/plans/newest?link=main").at("id") == json::value(second));
  CHECK(served.get("/api/v1/directory/plans/" + first).at("guard") == "too many");
  CHECK(served.call("GET", "/api/v1/directory/plans?link=none").status == 404);

  const std::string changes = "/api/v1/directory/plans/" + second + "/changes";
  const auto page = served.get(changes + "?limit=3");
  CHECK(page.at("total") == 4);
  REQUIRE(page.at("items").as_array().size() == 3);
  CHECK(page.at("items").at(0).at("attributes").at(0).at("name") == "Last Name");
  CHECK_FALSE(page.at("items").at(1).at("next_step").as_string().empty());
  const std::string after(page.at("items").at(2).at("id").as_string());
  CHECK(served.get(changes + "?limit=3&after=" + after).at("items").at(0).at("key") == "1004");
  CHECK(served.get(changes + "?kind=modify").at("total") == 2);
  CHECK(served.get(changes + "?state=held").at("items").at(0).at("key") == "1003");
  CHECK(served.get(changes + "?key=1002").at("total") == 1);
  CHECK(served.call("GET", changes + "?limit=1001").status == 422);

  served.sql(
      "insert into directory_history (link_id, plan_id, run_id, kind, key) select id, 1, 1, 'modify', x "
      "from link, unnest(array['1001', '1002', '1001']) x");
  CHECK(served.get("/api/v1/directory/history").at("items").as_array().size() == 3);
  CHECK(served.get("/api/v1/directory/history?key=1001&link=main").at("items").as_array().size() == 2);
  CHECK(served.get("/api/v1/directory/history?after=3&limit=1").at("items").at(0).at("key") == "1002");

  served.sql(
      "insert into directory_pair (link_id, source_uuid, target_uuid, key, source_fields) select id, 's', "
      "'t', '1001', '\\x00' from link");
  const auto entry = served.get("/api/v1/directory/entries/1001");
  CHECK(entry.at("pair").at("target_uuid") == "t");
  CHECK(entry.at("pair").as_object().if_contains("source_fields") == nullptr);
  CHECK(entry.at("changes").as_array().size() == 1);
  CHECK(entry.at("history").as_array().size() == 2);
  CHECK(served.get("/api/v1/directory/entries/1003?link=main").at("pair").is_null());
  CHECK(served.call("GET", "/api/v1/directory/entries/9999").status == 404);
}
