// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "db/config_directory.hpp"
#include "http/config_plan.hpp"
#include "http/directory_map.hpp"
#include "http/fields.hpp"

using namespace mirror;
namespace json = boost::json;

namespace {

const char* const k_document = R"(
[store.prod]
host = "p.example"
port = 993
[store.prod.directory]
host = "ldap.p.example"
port = 636
ca_file = "ca.pem"
other_addresses = ["ldap2.p.example:636"]
bind_dn = "cn=mirror"
base_dn = "ou=People,dc=p"
password_file = "ldap.secret"
[store.dr]
host = "d.example"
port = 993
[store.dr.directory]
host = "ldap.d.example"
port = 389
tls = "starttls"
base_dn = "ou=We \"ird\\,dc=d"
[link.main]
source = "prod"
target = "dr"
mailboxes = ["1001"]
[[link.main.rule]]
action = "exclude"
mask = "9*"
[link.main.directory]
times = ["02:30"]
time_zone = "Europe/Berlin"
delete_after = 86400
[[link.main.directory.field]]
source = "MailboxNumber"
target = "uid"
required = true
transforms = ["strip_prefix:1", "trim"]
[[link.main.directory.field]]
target = "objectStatus"
name = "Status"
constant = ["active", "we \"ird"]
)";

const char* const k_pem = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n";

// What the database would answer once a plan is applied: enough to export and plan again.
json::object applied(const http::ConfigPlan& plan, const http::ConfigDocument& document) {
  json::object out = json::parse(R"({"stores":[],"links":[],"settings":{}})").as_object();
  const auto directory = [](const std::vector<db::ConfigChanges::Object>& changes, const std::string& name) {
    for (const auto& change : changes)
      if (change.name == name) return json::parse(change.patch);
    return json::value();
  };
  for (const auto& store : document.stores) {
    json::object row = store.fields;
    row["name"] = store.name;
    row["directory"] = directory(plan.changes.directories, store.name);
    if (auto* object = row["directory"].if_object()) (*object)["password_set"] = true;
    out["stores"].as_array().push_back(row);
  }
  for (const auto& link : document.links) {
    json::object row = link.fields;
    row["name"] = link.name;
    row["source"] = link.source;
    row["target"] = link.target;
    row["members"] = json::parse(R"([{"name":"1001","target_name":"1001"}])");
    row["rules"] = json::parse(R"([{"action":"exclude","mask":"9*"}])");
    row["directory"] = directory(plan.changes.directory_mirrors, link.name);
    out["links"].as_array().push_back(row);
  }
  return out;
}

json::object after_document() {
  const auto document = http::parse_config(k_document, "c.toml");
  const auto nothing = json::parse(R"({"stores":[],"links":[],"settings":{}})").as_object();
  return applied(http::plan_config(nothing, document, {{"ca.pem", k_pem}, {"ldap.secret", "hush"}}),
                 document);
}

std::string errors_of(const std::string& text) {
  std::string all;
  for (const auto& error : http::parse_config(text, "c.toml").errors) all += error.format() + "\n";
  return all;
}

std::string refusal_of(const std::string& body) {
  try {
    http::read_directory_mirror_body(body);
    return "";
  } catch (const http::Problem& problem) {
    return problem.errors().empty() ? std::string(problem.what())
                                    : problem.errors()[0].pointer + " " + problem.errors()[0].detail;
  }
}

}  // namespace

TEST_CASE("directories of a document are read, planned, exported and planned again without a change") {
  const auto document = http::parse_config(k_document, "c.toml");
  REQUIRE(document.errors.empty());
  const auto nothing = json::parse(R"({"stores":[],"links":[],"settings":{}})").as_object();
  const auto plan = http::plan_config(nothing, document, {{"ca.pem", k_pem}, {"ldap.secret", "hush"}});
  CHECK(plan.errors.empty());
  CHECK(plan.changes.directories.size() == 2);
  CHECK(plan.changes.directory_mirrors.size() == 1);
  CHECK(plan.changes.directory_passwords.at("prod").reveal() == "hush");
  CHECK(plan.changes.passwords.empty());
  int created = 0;
  for (const auto& line : plan.lines)
    created += line.action == "create" && line.object.find(" directory") != std::string::npos;
  CHECK(created == 3);

  const auto current = applied(plan, document);
  const std::string text = http::format_config(current);
  CHECK(text.find("hush") == std::string::npos);
  CHECK(text.find("jitter_seconds") == std::string::npos);  // the default
  const auto again = http::parse_config(text, "export");
  INFO(text);
  REQUIRE(again.errors.empty());
  CHECK(http::plan_config(current, again, {}).lines.empty());
  CHECK(http::plan_config(current, again, {}).empty());
  REQUIRE(again.links.at(0).directory);
  const auto map = again.links.at(0).directory->at("fields").as_array();
  REQUIRE(map.size() == 2);
  CHECK(map[0] == json::parse(R"({"source":"MailboxNumber","target":"uid","required":true,
                                  "transforms":["strip_prefix:1","trim"]})"));
  CHECK(map[1].at("constant") == json::array{"active", "we \"ird"});
}

TEST_CASE("a directory mirror of defaults alone is exported as one") {
  const auto document =
      http::parse_config("[link.m]\nsource = \"a\"\ntarget = \"b\"\n[link.m.directory]\n", "c.toml");
  REQUIRE(document.errors.empty());
  json::object link = *document.links[0].directory;
  json::object current =
      json::parse(R"({"stores":[],"settings":{},"links":[{"name":"m","source":"a","target":"b",
      "members":[],"rules":[]}]})")
          .as_object();
  current["links"].at(0).as_object()["directory"] = link;
  const auto again = http::parse_config(http::format_config(current), "export");
  REQUIRE(again.links.size() == 1);
  REQUIRE(again.links[0].directory);
  CHECK(*again.links[0].directory == link);
}

TEST_CASE("one changed field of a directory is one line; a directory that is not named is kept") {
  const auto current = after_document();
  std::string text = http::format_config(current);
  text.replace(text.find("delete_after = 86400"), 20, "delete_after = 3600");
  auto plan = http::plan_config(current, http::parse_config(text, "c"), {});
  REQUIRE(plan.lines.size() == 1);
  CHECK(plan.lines[0].object == "link main directory");
  CHECK(plan.lines[0].detail == "delete_after: 86400 -> 3600");
  REQUIRE(plan.changes.directory_mirrors.size() == 1);
  CHECK_FALSE(plan.changes.directory_mirrors[0].create);
  CHECK(json::parse(plan.changes.directory_mirrors[0].patch) == json::parse(R"({"delete_after":3600})"));

  plan =
      http::plan_config(current, http::parse_config("[store.prod]\nhost=\"p.example\"\nport=993\n", "c"), {});
  CHECK(plan.empty());
  bool kept = false;
  for (const auto& line : plan.lines)
    kept = kept || (line.action == "keep" && line.object == "store prod directory");
  CHECK(kept);
}

TEST_CASE("what a document says wrongly of a directory is told where it stands") {
  const std::string store = "[store.a]\nhost=\"h\"\nport=1\n[store.a.directory]\nhost=\"h\"\nport=1\n";
  CHECK(errors_of(store + "base_dn=\"o\"\n").empty());
  CHECK(errors_of(store).find("\"base_dn\" is missing") != std::string::npos);
  CHECK(errors_of(store + "base_dn=\"o\"\npassword=\"x\"\n").find("password_file") != std::string::npos);
  CHECK(errors_of(store + "base_dn=\"o\"\nfliter=\"x\"\n")
            .find("c.toml:8:1: unknown key \"fliter\"; did you "
                  "mean \"filter\"?") != std::string::npos);
  const std::string link = "[link.m]\nsource=\"a\"\ntarget=\"b\"\n[link.m.directory]\n";
  CHECK(errors_of(link).empty());
  CHECK(errors_of(link + "times=[\"24:00\"]\n").find("c.toml:5:7: \"24:00\" is no time of day") !=
        std::string::npos);
  CHECK(errors_of(link + "[[link.m.directory.field]]\nsuorce=\"cn\"\n").find("did you mean \"source\"?") !=
        std::string::npos);
  CHECK(errors_of(link + "[[link.m.directory.field]]\nsource=\"cn\"\nkind=\"txt\"\n").find("kind") !=
        std::string::npos);
}

TEST_CASE("the map of a directory mirror is checked beside its fields") {
  CHECK(refusal_of(R"({"fields":[{"source":"cn","transforms":["trim"]}],"window_size":8})").empty());
  CHECK(refusal_of(R"({"fields":[]})").empty());
  CHECK(refusal_of(R"({"fields":{}})").find("/fields must be a list") == 0);
  CHECK(refusal_of(R"({"fields":["cn"]})").find("/fields") == 0);
  CHECK(refusal_of(R"({"fields":[{"suorce":"cn"}]})").find("/fields") == 0);
  CHECK(refusal_of(R"({"fields":[{"source":"cn","name":"a\u0000b"}]})") == "/fields must not hold a NUL");
  CHECK(refusal_of(R"({"widnow_size":8})") ==
        "/widnow_size is not a known field; did you mean \"window_size\"?");
  CHECK(refusal_of(R"({"scheduled":"appyl"})").find("did you mean \"apply\"?") != std::string::npos);
  CHECK(refusal_of(R"({"object_classes":["a\u0000"]})") == "/object_classes must not hold a NUL");
}

TEST_CASE("a directory needs a host, a port and a base; the rest has defaults") {
  const auto check = [](const char* text, bool creating) {
    return http::check_object(json::parse(text).as_object(), http::directory_fields(), creating).size();
  };
  CHECK(check("{}", true) == 3);
  CHECK(check("{}", false) == 0);
  CHECK(check(R"({"host":"h","port":389,"base_dn":"o=x"})", true) == 0);
  CHECK(check(R"({"base_dn":""})", false) == 1);
  CHECK(check(R"({"password":"x"})", false) == 1);
  CHECK(check(R"({"page_size":-1})", false) == 1);
  CHECK(http::check_object({}, http::directory_mirror_fields(), true).empty());
}

TEST_CASE("a list of words takes those words alone") {
  http::Field field;
  field.kind = http::Field::Kind::texts;
  field.words = {"add", "modify"};
  CHECK(http::check_value(field, json::array{"add", "modify"}).empty());
  CHECK(http::check_value(field, json::array{"ad"}).find("did you mean \"add\"?") != std::string::npos);
  field.words.clear();
  CHECK(http::check_value(field, json::array{"ad"}).empty());
}

TEST_CASE("a time of day has two digits, a colon and two digits") {
  for (const char* good : {"00:00", "09:59", "19:00", "23:59"}) CHECK(db::is_time_of_day(good));
  for (const char* bad : {"", "24:00", "2:00", "02:60", "02.00", "02:00 ", "0a:00", "-1:00", "30:00"})
    CHECK_FALSE(db::is_time_of_day(bad));
}
