// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "db/faces.hpp"
#include "http/api.hpp"
#include "http/config_plan.hpp"
#include "http/event_query.hpp"
#include "http/fields.hpp"
#include "http/metrics.hpp"
#include "http/password_lines.hpp"

using namespace mirror;
namespace json = boost::json;

namespace {

http::Request request_for(const std::string& method, const std::string& target) {
  http::Request request;
  request.method = method;
  http::set_target(request, target);
  return request;
}

int status_of(const http::Router& router, const std::string& method, const std::string& target) {
  auto request = request_for(method, target);
  try {
    router.find(request);
    return 200;
  } catch (const http::Problem& problem) {
    return problem.status();
  }
}

}  // namespace

TEST_CASE("the router finds a route by method and path and decodes its parts") {
  const auto router = http::make_router();
  auto request = request_for("GET", "/api/v1/mailboxes/a%40b%2Fc/history?limit=5&after=9");
  CHECK(router.find(request).pattern == "/api/v1/mailboxes/{name}/history");
  CHECK(request.parts["name"] == "a@b/c");
  CHECK(request.query["limit"] == "5");
  CHECK(status_of(router, "GET", "/api/v1/stores/x") == 200);
  CHECK(status_of(router, "PUT", "/api/v1/stores/x") == 405);
  CHECK(status_of(router, "GET", "/api/v1/stores/") == 404);
  CHECK(status_of(router, "GET", "/api/v1/stores/x/y/z") == 404);
  CHECK(status_of(router, "GET", "") == 404);
  CHECK(router.body_limit("POST", "/api/v1/mailboxes") == 16U << 20);
  CHECK(router.body_limit("POST", "/api/v1/stores") == 1U << 20);
}

TEST_CASE("a literal segment goes before a part") {
  http::Router router;
  router.add({"GET", "/a/{x}", nullptr});
  router.add({"GET", "/a/b", nullptr});
  auto request = request_for("GET", "/a/b");
  CHECK(router.find(request).pattern == "/a/b");
}

TEST_CASE("percent encoding goes there and back and leaves broken escapes alone") {
  const std::string odd = "a b+c%/?\xC3\xA4\x01";
  CHECK(http::percent_decode(http::percent_encode(odd)) == odd);
  CHECK(http::percent_decode("100%") == "100%");
  CHECK(http::percent_decode("%zz") == "%zz");
}

TEST_CASE("a target is text, and a problem is JSON whatever the target is") {
  for (const char* target :
       {"/api/v1/stores/%ff", "/api/v1/runs?kind=%c3%28", "/x?%ed%a0%80=1", "/x/%00", "/\xff", "/%C3\xA9"})
    CHECK_THROWS_AS(http::require_text(request_for("GET", target)), http::Problem);
  CHECK_NOTHROW(http::require_text(request_for("GET", "/api/v1/stores/%c3%a4?a=%f0%9f%98%80")));
  const auto instance = [](const char* target) {
    const http::Problem problem(413, "MRD-HTTP-007", "x");
    return json::parse(http::problem_response(problem, request_for("GET", target)).body).at("instance");
  };
  CHECK(instance("/\xff \"a") == "/%FF%20%22a");
  // A URI reference (RFC 3986): what it may hold stays as it is.
  CHECK(instance("/a%40b%zz%4/100%") == "/a%40b%25zz%254/100%25");
  CHECK(instance("/<>\\^`{|}[]#") == "/%3C%3E%5C%5E%60%7B%7C%7D%5B%5D%23");
  CHECK(instance("/aZ09-._~!$&'()*+,;=:@") == "/aZ09-._~!$&'()*+,;=:@");
}

TEST_CASE("text is cut between two characters") {
  CHECK(http::cut_text("abc", 3) == "abc");
  CHECK(http::cut_text("abc", 2) == "ab");
  CHECK(http::cut_text("a\xC3\xA4", 2) == "a");
  CHECK(http::cut_text("a\xF0\x9F\x98\x80z", 5) == "a\xF0\x9F\x98\x80");
  CHECK(http::cut_text("a\xF0\x9F\x98\x80z", 4) == "a");
  CHECK(http::cut_text("\xA4\xA4\xA4", 2).empty());
}

TEST_CASE("masks of types are bounded, each and all") {
  const auto status = [](const std::string& types) {
    try {
      http::event_query(request_for("GET", "/api/v1/events?types=" + types), 1);
      return 200;
    } catch (const http::Problem& problem) {
      return problem.status();
    }
  };
  CHECK(status(std::string(255, '*') + ",a") == 200);
  CHECK(status("a," + std::string(256, '*')) == 422);
  std::string many = "a";
  for (int i = 1; i < 100; ++i) many += ",a";
  CHECK(status(many) == 200);
  CHECK(status(many + ",a") == 422);
}

TEST_CASE("a problem document carries code, title and next step") {
  auto request = request_for("GET", "/x");
  request.request_id = "r1";
  const auto response = http::problem_response(
      http::Problem(404, "MRD-HTTP-002", "no store is named \"x\"", {{"/name", "is unknown"}}), request);
  CHECK(response.content_type == "application/problem+json");
  const auto body = json::parse(response.body).as_object();
  CHECK(body.at("code") == "MRD-HTTP-002");
  CHECK(body.at("status") == 404);
  CHECK(body.at("request_id") == "r1");
  CHECK(!body.at("title").as_string().empty());
  CHECK(!body.at("next_step").as_string().empty());
  CHECK(body.at("errors").as_array()[0].at("pointer") == "/name");
}

TEST_CASE("fields are checked: unknown names, types, ranges, words, what is missing") {
  const auto& fields = http::store_fields();
  const auto check = [&](const char* text, bool creating) {
    return http::check_object(json::parse(text).as_object(), fields, creating);
  };
  CHECK(check(R"({"host":"h","port":993})", true).empty());
  const auto unknown = check(R"({"host":"h","prot":993})", true);
  REQUIRE(unknown.size() == 2);
  CHECK(unknown[0].pointer == "/prot");
  CHECK(unknown[0].detail.find("did you mean \"port\"?") != std::string::npos);
  CHECK(unknown[1].pointer == "/port");
  CHECK(check(R"({"port":0})", false).size() == 1);
  CHECK(check(R"({"port":"993"})", false).size() == 1);
  CHECK(check(R"({"tls":"implict"})", false)[0].detail.find("implicit") != std::string::npos);
  CHECK(check(R"({"host":""})", false).size() == 1);
  CHECK(check(R"({"tls_verify":1})", false).size() == 1);
  CHECK(
      http::check_object(json::parse(R"({"folder_include":["*",1]})").as_object(), http::link_fields(), false)
          .size() == 1);
}

TEST_CASE("a body that is no object, or too deep, is refused before it is looked at") {
  const auto status = [](const std::string& text) {
    try {
      http::parse_object(text);
      return 200;
    } catch (const http::Problem& problem) {
      return problem.status();
    }
  };
  CHECK(status("{}") == 200);
  CHECK(status("") == 400);
  CHECK(status("[]") == 400);
  CHECK(status("{\"a\":1}x") == 400);
  CHECK(status("{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}") == 400);
}

TEST_CASE("metrics are grouped, typed and escaped") {
  const auto rows = json::parse(R"([{"name":"mirrord_x","labels":{"a":"q\"\\\n"},"value":1.5},
    {"name":"mirrord_y_total","labels":{},"value":7},{"name":"mirrord_x","labels":{"a":"b"},"value":0},
    {"name":"mirrord_z","labels":{},"value":null}])")
                        .as_array();
  const std::string text = http::format_metrics(rows, "1", "c");
  CHECK(text.find("mirrord_x{a=\"q\\\"\\\\\\n\"} 1.5\nmirrord_x{a=\"b\"} 0\n") != std::string::npos);
  CHECK(text.find("# TYPE mirrord_y_total counter\nmirrord_y_total 7\n") != std::string::npos);
  CHECK(text.find("# TYPE mirrord_x gauge") != std::string::npos);
  CHECK(text.find("mirrord_z") == std::string::npos);
}

TEST_CASE("a mask becomes an anchored expression in which only its own signs mean something") {
  CHECK(db::mask_to_regex("*") == "^.*$");
  CHECK(db::mask_to_regex("1?*@d.e") == "^1..*\\@d\\.e$");
  CHECK(db::mask_to_regex("[1-3]x") == "^[1-3]x$");
  CHECK(db::mask_to_regex("[!a]") == "^[^a]$");
  // What PostgreSQL would refuse is members, no range.
  CHECK(db::mask_to_regex("[b-a]") == "^[b\\-a]$");
  CHECK(db::mask_to_regex("[a-c-e]") == "^[a-c\\-e]$");
  CHECK(db::mask_to_regex("[--]") == "^[\\-\\-]$");
  CHECK(db::mask_to_regex("[]]") == "^[\\]]$");
  CHECK(db::mask_to_regex("a[") == "^a\\[$");
  CHECK(db::mask_to_regex("**a***[*]**") == "^.*a.*[\\*].*$");
  CHECK(db::mask_to_regex(std::string(8000, '*')) == "^.*$");
  CHECK(db::mask_to_regex("(a|b)+$") == "^\\(a\\|b\\)\\+\\$$");
}

namespace {

const char* const k_document = R"(
[settings]
rpo_target = "5m"
[store.prod]
host = "p.example"
port = 993
login = "mirror"
password_file = "p.secret"
[store.dr]
host = "d.example"
port = 993
octets_per_second = 1000000
[link.main]
source = "prod"
target = "dr"
folder_exclude = ["Junk"]
mailboxes = ["1001", "we \"ird\\"]
[[link.main.mailbox]]
name = "1002"
target_name = "u1002"
[[link.main.rule]]
action = "exclude"
mask = "9*"
)";

json::object nothing() {
  return json::parse(R"({"stores":[],"links":[],"settings":{}})").as_object();
}

// What the database would answer after a plan: enough to export and plan again.
json::object applied(const http::ConfigDocument& document) {
  json::object out = nothing();
  for (const auto& store : document.stores) {
    json::object row = store.fields;
    row["name"] = store.name;
    row["password_set"] = !store.password_file.empty();
    out["stores"].as_array().push_back(row);
  }
  for (const auto& link : document.links) {
    json::object row = link.fields;
    row["name"] = link.name;
    row["source"] = link.source;
    row["target"] = link.target;
    json::array members, rules;
    for (const auto& mailbox : link.mailboxes)
      members.push_back(
          json::object{{"name", mailbox.name},
                       {"target_name", mailbox.target_name.empty() ? mailbox.name : mailbox.target_name}});
    for (const auto& rule : link.rules)
      rules.push_back(json::object{{"action", rule.action}, {"mask", rule.mask}});
    row["members"] = members;
    row["rules"] = rules;
    out["links"].as_array().push_back(row);
  }
  for (const auto& [key, value] : document.settings) out["settings"].as_object()[key] = value;
  return out;
}

}  // namespace

TEST_CASE("a document is read, planned, exported and planned again without a change") {
  const auto document = http::parse_config(k_document, "c.toml");
  REQUIRE(document.errors.empty());
  REQUIRE(document.stores.size() == 2);
  REQUIRE(document.links.size() == 1);
  CHECK(document.links[0].mailboxes.size() == 3);

  const auto plan = http::plan_config(nothing(), document, {{"p.secret", "hush"}});
  CHECK(plan.errors.empty());
  CHECK(plan.changes.stores.size() == 2);
  CHECK(plan.changes.links.size() == 1);
  CHECK(plan.changes.passwords.at("prod").reveal() == "hush");

  const std::string text = http::format_config(applied(document));
  CHECK(text.find("hush") == std::string::npos);
  const auto again = http::parse_config(text, "export");
  REQUIRE(again.errors.empty());
  CHECK(http::plan_config(applied(document), again, {}).empty());
  CHECK(http::plan_config(applied(document), again, {}).lines.empty());
}

TEST_CASE("a changed field is one line, a missing object is kept") {
  auto document = http::parse_config(k_document, "c.toml");
  const auto current = applied(document);
  auto changed =
      http::parse_config("[store.prod]\nhost=\"p.example\"\nport=143\nlogin=\"mirror\"\n", "c.toml");
  const auto plan = http::plan_config(current, changed, {});
  REQUIRE(plan.changes.stores.size() == 1);
  CHECK(json::parse(plan.changes.stores[0].patch) == json::parse("{\"port\":143}"));
  int kept = 0;
  for (const auto& line : plan.lines) kept += line.action == "keep";
  CHECK(kept == 2);  // store dr, link main
}

TEST_CASE("a long value is shown shortened, as text") {
  std::string login;
  for (int i = 0; i < 60; ++i) login += "\xC3\xA4";
  const auto changed =
      http::parse_config("[store.prod]\nhost=\"p.example\"\nport=993\nlogin=\"" + login + "\"\n", "c.toml");
  REQUIRE(changed.errors.empty());
  const auto plan = http::plan_config(applied(http::parse_config(k_document, "c.toml")), changed, {});
  REQUIRE_FALSE(plan.lines.empty());
  CHECK(plan.lines[0].detail == "login: \"mirror\" -> \"" + login.substr(0, 58) + "...");
}

TEST_CASE("a document's times and masks have bounds") {
  const auto target = [](const char* time) {
    return http::parse_config(std::string("[settings]\nrpo_target=\"") + time + "\"\n", "c");
  };
  CHECK(target("1999ms").settings.at("rpo_target_seconds") == 1);
  for (const char* time : {"0s", "999ms"}) {
    const auto refused = target(time);
    REQUIRE(refused.errors.size() == 1);
    CHECK(refused.errors[0].format() == "c:2:12: \"rpo_target\" must be at least 1000 ms");
    CHECK(refused.settings.empty());
  }
  // A target of 0 that an earlier document left is not exported: it would be refused.
  auto current = nothing();
  current["settings"].as_object()["rpo_target_seconds"] = 0;
  CHECK(http::parse_config(http::format_config(current), "export").errors.empty());

  const auto errors_of = [](std::size_t octets) {
    return http::parse_config(
               "[link.m]\nsource=\"a\"\ntarget=\"b\"\n[[link.m.rule]]\naction=\"exclude\"\n"
               "mask=\"" +
                   std::string(octets, '9') + "\"\n",
               "c")
        .errors.size();
  };
  CHECK(errors_of(255) == 0);
  CHECK(errors_of(256) == 1);
}

TEST_CASE("errors of a document name line and column, the nearest key, and never take a secret") {
  const auto document =
      http::parse_config("[store.a]\nhost = \"h\"\nprot = 1\npassword = \"x\"\n[lnik.b]\n", "c.toml");
  std::string all;
  for (const auto& error : document.errors) all += error.format() + "\n";
  CHECK(all.find("c.toml:3:") != std::string::npos);
  CHECK(all.find("did you mean \"port\"?") != std::string::npos);
  CHECK(all.find("password_file") != std::string::npos);
  CHECK(all.find("did you mean \"link\"?") != std::string::npos);
}

TEST_CASE("what a document cannot ask is an error, not a surprise") {
  const auto errors_of = [](const std::string& text, const json::object& current) {
    return http::plan_config(current, http::parse_config(text, "c"), {}).errors;
  };
  CHECK(errors_of("[link.m]\nsource=\"a\"\ntarget=\"b\"\n", nothing()).size() == 2);
  const auto current = applied(http::parse_config(k_document, "c"));
  CHECK(errors_of("[link.main]\nsource=\"dr\"\ntarget=\"prod\"\n", current).size() == 1);
  CHECK(errors_of("[link.main]\nsource=\"prod\"\ntarget=\"dr\"\nmailboxes=[\"1002\"]\n", current).size() ==
        1);
  CHECK(errors_of("[link.main]\nsource=\"prod\"\ntarget=\"dr\"\nmailboxes=[\"7\",\"7\"]\n", current).size() ==
        1);
  CHECK(errors_of("[store.z]\nhost=\"h\"\nport=1\npassword_file=\"gone\"\n", nothing()).size() == 1);
}

TEST_CASE("a line of passwords is split at its first separator and nothing of the password is lost") {
  const auto lines = http::parse_password_lines("# x\n 1001 \t a,b\tc \r\n\n1002,d\t#e\n1003\tf");
  CHECK(lines.wrong.empty());
  REQUIRE(lines.rows.size() == 3);
  CHECK(lines.rows[0].mailbox == "1001");
  CHECK(lines.rows[0].password.reveal() == " a,b\tc ");
  CHECK(lines.rows[0].line == 2);
  CHECK(lines.rows[1].mailbox == "1002");
  CHECK(lines.rows[1].password.reveal() == "d\t#e");
  CHECK(lines.rows[2].password.reveal() == "f");
  CHECK(lines.rows[2].line == 5);
}

TEST_CASE("every bad line of passwords is told with its number and without the password") {
  const auto lines = http::parse_password_lines(
      "1001,hush\nhush\n,hush\n1002,\n1001\thush\n1003,hu\rsh\n1004,hush" + std::string(1024, 'x'));
  CHECK(lines.rows.size() == 1);
  std::vector<std::size_t> numbers;
  for (const auto& wrong : lines.wrong) {
    numbers.push_back(wrong.line);
    CHECK(wrong.text.find("hush") == std::string::npos);
  }
  CHECK(numbers == std::vector<std::size_t>{2, 3, 4, 5, 6, 7});
}
