// SPDX-License-Identifier: Apache-2.0
#include "served.hpp"

#include <grp.h>
#include <sys/wait.h>

#include <atomic>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include "base/failure.hpp"

using namespace mirror;
namespace json = boost::json;

namespace {

void configure(test::Served& served) {
  REQUIRE(served.call("POST", "/api/v1/stores", R"({"name":"prod","host":"p","port":993})").status == 201);
  REQUIRE(served.call("POST", "/api/v1/stores", R"({"name":"dr","host":"d","port":993})").status == 201);
  REQUIRE(served.call("POST", "/api/v1/links", R"({"name":"main","source":"prod","target":"dr"})").status ==
          201);
}

// What is answered, to the end of the connection or to a word.
std::string raw(const std::string& socket, const std::string& text, const std::string& until = {}) {
  boost::asio::io_context context;
  boost::asio::local::stream_protocol::socket peer(context);
  peer.connect(boost::asio::local::stream_protocol::endpoint(socket));
  // The server may answer and close before it was told all.
  boost::system::error_code error;
  boost::asio::write(peer, boost::asio::buffer(text), error);
  std::string answer;
  if (until.empty())
    boost::asio::read(peer, boost::asio::dynamic_buffer(answer), error);
  else
    boost::asio::read_until(peer, boost::asio::dynamic_buffer(answer), until, error);
  return answer;
}

}  // namespace

TEST_CASE("probes, version and metrics answer on an empty site") {
  test::Served served;
  CHECK(served.call("GET", "/livez").body == "ok\n");
  CHECK(served.call("GET", "/readyz").status == 200);
  CHECK(served.get("/api/v1/version").at("version") == "1.2.3");
  const auto metrics = served.call("GET", "/metrics").body;
  CHECK(metrics.find("mirrord_state{state=\"mirroring\"} 1") != std::string::npos);
  CHECK(metrics.find("mirrord_rpo_seconds 0") != std::string::npos);
  const auto status = served.get("/api/v1/status");
  CHECK(status.at("site").at("state") == "mirroring");
  CHECK(status.at("rpo").at("seconds") == 0);
  CHECK(status.at("problems").as_array().empty());
}

TEST_CASE("stores: created, read, changed under If-Match, refused with reasons") {
  test::Served served;
  configure(served);
  CHECK(served.call("POST", "/api/v1/stores", R"({"name":"prod","host":"p","port":993})").status == 409);
  CHECK(served.call("POST", "/api/v1/stores", R"({"name":"x","host":"p","prot":1})").status == 422);
  CHECK(served.call("POST", "/api/v1/stores", R"({"name":"a b","host":"p","port":1})").status == 422);
  const auto read = served.call("GET", "/api/v1/stores/prod");
  CHECK(read.etag == "\"1\"");
  CHECK(served.call("PATCH", "/api/v1/stores/prod", R"({"port":143})").status == 428);
  CHECK(served.call("PATCH", "/api/v1/stores/prod", R"({"port":143})", {{"If-Match", "\"9\""}}).status ==
        412);
  const auto edited =
      served.call("PATCH", "/api/v1/stores/prod", R"({"port":143})", {{"If-Match", read.etag}});
  CHECK(edited.status == 200);
  CHECK(edited.etag == "\"2\"");
  CHECK(json::parse(edited.body).at("port") == 143);
  CHECK(json::parse(edited.body).at("host") == "p");
  CHECK(served.call("DELETE", "/api/v1/stores/prod", "", {{"If-Match", "2"}}).status == 409);
  CHECK(served.call("GET", "/api/v1/stores/none").status == 404);
  CHECK(served.sql("select count(*) from audit where action = 'store.edit' and actor like 'unix:%'") == "1");
}

TEST_CASE("a password goes in sealed and never comes out") {
  test::Served served;
  configure(served);
  CHECK(served.call("PUT", "/api/v1/stores/prod/credential", R"({"password":"s3cr3t-word"})").status == 204);
  CHECK(served.call("PUT", "/api/v1/stores/prod/credential", R"({"password":""})").status == 422);
  CHECK(served.get("/api/v1/stores/prod").at("password_set") == true);
  const auto hex = served.sql("select encode(password_sealed, 'hex') from store where name = 'prod'");
  std::vector<std::uint8_t> sealed;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    sealed.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  const auto id = served.sql("select id from store where name = 'prod'");
  CHECK(served.sealer->open(sealed, "store/" + id + "/password").value().reveal() == "s3cr3t-word");
  CHECK(served.sealer->open(sealed, "store/" + id + "0/password").has_error());
  for (const char* path : {"/api/v1/stores", "/api/v1/stores/prod", "/api/v1/config", "/api/v1/audit",
                           "/api/v1/events", "/api/v1/status"})
    CHECK(served.call("GET", path).body.find("s3cr3t") == std::string::npos);
}

TEST_CASE("an owner's own password belongs to the owner on one store, on whichever link") {
  test::Served served;
  configure(served);
  served.call("POST", "/api/v1/stores",
              R"({"name":"dr2","host":"e","port":993,"login_method":"own_password"})");
  served.call("POST", "/api/v1/links", R"({"name":"second","source":"prod","target":"dr2"})");
  served.call("POST", "/api/v1/mailboxes", R"({"link":"main","mailboxes":["1001"]})");
  served.call("POST", "/api/v1/mailboxes",
              R"({"link":"second","mailboxes":[{"name":"1001","target_name":"u1"}]})");
  served.sql("delete from dirty");
  const auto put = [&](const std::string& name, const std::string& body) {
    return served.call("PUT", "/api/v1/mailboxes/" + name + "/credential", body);
  };
  // Both links have the same owner on the source: one password. Nobody asks for it there, so nothing is
  // tried.
  CHECK(put("1001", R"({"store":"prod","password":"s3cr3t-1"})").body == R"({"set":1,"used":false})");
  CHECK(served.sql("select count(*) from dirty") == "0");
  CHECK(put("1001", R"({"store":"dr2","password":"s3cr3t-2"})").body == R"({"set":1,"used":true})");
  CHECK(served.sql("select string_agg(owner, ' ' order by store_id) from mailbox_password") == "1001 u1");
  CHECK(
      served.sql(
          "select string_agg(l.name, ' ') from dirty d join mailbox m on m.id = d.mailbox_id join link l on "
          "l.id = m.link_id") == "second");
  CHECK(put("none", R"({"store":"prod","password":"s3cr3t"})").status == 404);
  CHECK(put("1001", R"({"store":"none","password":"s3cr3t"})").status == 404);
  CHECK(put("1001", R"({"store":"dr2","link":"main","password":"s3cr3t"})").status == 404);
  CHECK(put("1001", R"({"store":"prod","password":""})").status == 422);
  CHECK(put("1001", R"({"store":"prod","password":"s3cr3t\n"})").status == 422);
  CHECK(served.call("DELETE", "/api/v1/mailboxes/1001/credential?store=dr2").status == 204);
  CHECK(served.call("DELETE", "/api/v1/mailboxes/1001/credential?store=dr2").status == 204);
  CHECK(served.call("DELETE", "/api/v1/mailboxes/1001/credential").status == 422);
  CHECK(
      served.sql(
          "select string_agg(action, ' ' order by id) from audit where action like 'mailbox.credential%'") ==
      "mailbox.credential mailbox.credential mailbox.credential.clear");
  for (const char* path : {"/api/v1/mailboxes", "/api/v1/mailboxes/1001?link=main", "/api/v1/config",
                           "/api/v1/audit", "/api/v1/events", "/api/v1/status"})
    CHECK(served.call("GET", path).body.find("s3cr3t") == std::string::npos);
}

TEST_CASE("links: a target may not be a source back") {
  test::Served served;
  configure(served);
  CHECK(served.call("POST", "/api/v1/links", R"({"name":"back","source":"dr","target":"prod"})").status ==
        422);
  CHECK(served.call("POST", "/api/v1/links", R"({"name":"self","source":"dr","target":"dr"})").status == 422);
  CHECK(served.call("POST", "/api/v1/links", R"({"name":"none","source":"dr","target":"nope"})").status ==
        404);
}

TEST_CASE("mailboxes come in, take part by the last rule that matches, and are found by mask") {
  test::Served served;
  configure(served);
  const auto added = served.call(
      "POST", "/api/v1/mailboxes",
      R"({"origin":"import","mailboxes":["1001","1002","2001",{"name":"2002","target_name":"u2"}]})");
  CHECK(added.status == 201);
  CHECK(json::parse(added.body).at("added") == 4);
  CHECK(
      json::parse(served.call("POST", "/api/v1/mailboxes", R"({"mailboxes":["1001"]})").body).at("present") ==
      1);
  CHECK(served.call("POST", "/api/v1/mailboxes", R"({"mailboxes":[{"name":"3001","target_name":"u2"}]})")
            .status == 409);
  CHECK(served.call("POST", "/api/v1/mailboxes", R"({"mailboxes":[""]})").status == 422);
  CHECK(served.sql("select count(*) from dirty") == "4");

  CHECK(served.call("POST", "/api/v1/participation", R"({"action":"exclude","mask":"*"})").status == 200);
  const auto included =
      json::parse(served.call("POST", "/api/v1/participation", R"({"action":"include","mask":"1*"})").body);
  CHECK(included.at("participating") == 2);
  CHECK(served.get("/api/v1/mailboxes?status=excluded").at("total") == 2);
  CHECK(served.get("/api/v1/mailboxes?mask=%3F001&sort=-name").at("items").at(0).at("name") == "2001");
  CHECK(served.call("GET", "/api/v1/mailboxes?sort=nonsense").status == 422);
  CHECK(served.call("GET", "/api/v1/mailboxes?nonsense=1").status == 422);
  // The same mask again is the last word.
  CHECK(json::parse(served.call("POST", "/api/v1/participation", R"({"action":"exclude","mask":"*"})").body)
            .at("participating") == 0);
  CHECK(json::parse(served.call("DELETE", "/api/v1/participation?mask=*").body).at("participating") == 4);
  CHECK(served.get("/api/v1/mailboxes/2002").at("target_name") == "u2");
  CHECK(served.call("GET", "/api/v1/mailboxes/none").status == 404);
}

TEST_CASE(
    "suspend and resume write the state, its epoch, the audit and the event; resume starts a full review") {
  test::Served served;
  configure(served);
  served.call("POST", "/api/v1/mailboxes", R"({"mailboxes":["1","2"]})");
  CHECK(served.call("PUT", "/api/v1/state", R"({"state":"suspended"})").status == 422);
  const auto suspended = served.call("PUT", "/api/v1/state", R"({"state":"suspended","reason":"test"})");
  CHECK(suspended.status == 202);
  CHECK(json::parse(suspended.body).at("state") == "suspending");
  CHECK(json::parse(suspended.body).at("epoch") == 2);
  // Not before every node has acknowledged.
  CHECK(served.call("PUT", "/api/v1/state", R"({"state":"mirroring"})").status == 409);
  served.sql("update site set state = 'suspended'");
  CHECK(served.call("POST", "/api/v1/runs", R"({"kind":"resync"})").status == 409);
  CHECK(served.call("POST", "/api/v1/runs", R"({"kind":"verify"})").status == 202);
  const auto resumed = json::parse(served.call("PUT", "/api/v1/state", R"({"state":"mirroring"})").body);
  CHECK(resumed.at("state") == "mirroring");
  const std::string run(resumed.at("full_review_run").as_string());
  CHECK(served.get("/api/v1/runs/" + run).at("total") == 2);
  CHECK(served.sql("select count(*) from run_mailbox where state = 'waiting' and run_id = " + run) == "2");
  CHECK(served.sql("select count(*) from audit where action like 'state.%'") == "2");
  CHECK(served.get("/api/v1/events?types=state.*").at("items").as_array().size() == 2);
}

TEST_CASE("runs: created with their mailboxes, listed, cancelled") {
  test::Served served;
  configure(served);
  served.call("POST", "/api/v1/mailboxes", R"({"mailboxes":["1001","1002","2001"]})");
  const auto created = served.call("POST", "/api/v1/runs", R"({"kind":"verify","mask":"1*","deep":true})");
  CHECK(created.status == 202);
  const auto run = json::parse(created.body).as_object();
  const std::string id(run.at("id").as_string());
  CHECK(run.at("total") == 2);
  CHECK(served.get("/api/v1/runs/" + id + "/mailboxes").at("items").as_array().size() == 2);
  CHECK(served.call("POST", "/api/v1/runs", R"({"kind":"verify","mask":"9*"})").status == 404);
  CHECK(served.call("POST", "/api/v1/runs", R"({"kind":"verfy"})").status == 422);
  CHECK(json::parse(served.call("POST", "/api/v1/runs/" + id + "/cancel").body).at("state") == "cancelled");
  CHECK(served.call("POST", "/api/v1/runs/" + id + "/cancel").status == 409);
  CHECK(served.call("GET", "/api/v1/runs/x").status == 404);
  CHECK(served.call("POST", "/api/v1/stores/prod/tests").status == 202);
  CHECK(served.call("POST", "/api/v1/stores/none/tests").status == 404);
}

TEST_CASE("status names what is wrong, why, and what to do") {
  test::Served served;
  configure(served);
  served.call("POST", "/api/v1/mailboxes", R"({"mailboxes":["1001","1002"]})");
  served.sql(
      "update mailbox set status = 'failed', error_code = 'MRD-IMAP-011', error_text = 'NO', error_since = "
      "now() where name = '1001'");
  served.sql(
      "insert into quarantine (mailbox_id, folder_name, kind, code, server_text) select id, 'INBOX', "
      "'message', 'MRD-IMAP-014', 'too big' "
      "from mailbox where name = '1002'");
  served.sql(
      "update store set state = 'refused', state_code = 'MRD-IMAP-010', state_text = 'bad password' where "
      "name = 'dr'");
  served.sql(
      "update dirty set first_seen = now() - interval '90 seconds' where mailbox_id = (select id from "
      "mailbox where name = '1002')");
  const auto status = served.get("/api/v1/status");
  const auto& problems = status.at("problems").as_array();
  REQUIRE(problems.size() == 3);
  CHECK(problems[0].at("kind") == "store");
  CHECK(problems[1].at("object") == "1001");
  CHECK(problems[2].at("kind") == "quarantine");
  for (const auto& problem : problems) CHECK(!problem.at("next_step").as_string().empty());
  CHECK(status.at("rpo").at("seconds").as_int64() >= 90);
  CHECK(status.at("rpo").at("oldest").at("mailbox") == "1002");
  // An excluded mailbox is no lag.
  served.call("POST", "/api/v1/participation", R"({"action":"exclude","mask":"1002"})");
  CHECK(served.get("/api/v1/status").at("rpo").at("oldest").at("mailbox") == "1001");
}

TEST_CASE("a login count that nobody told is unknown") {
  test::Served served;
  configure(served);
  served.call("POST", "/api/v1/mailboxes", R"({"mailboxes":["1001"]})");
  const auto login = [&] {
    const auto status = served.get("/api/v1/status");
    for (const auto& row : status.at("events").as_array())
      if (row.at("kind") == "login") return json::serialize(row.at("count"));
    return std::string("none");
  };
  CHECK(login() == "\"unknown\"");
  served.sql("update mailbox set watch_method = 'push'");
  CHECK(login() == "0");
}

TEST_CASE("a quarantined row is retried by making its mailbox dirty") {
  test::Served served;
  configure(served);
  served.call("POST", "/api/v1/mailboxes", R"({"mailboxes":["1001"]})");
  served.sql("delete from dirty");
  const auto id = served.sql(
      "insert into quarantine (mailbox_id, folder_name, kind, code) select id, 'INBOX', 'message', "
      "'MRD-IMAP-014' from mailbox returning id");
  CHECK(served.get("/api/v1/quarantine").at("total") == 1);
  CHECK(served.call("POST", "/api/v1/quarantine/" + id + "/retry").status == 202);
  CHECK(served.sql(
            "select full_compare and exists (select 1 from quarantine where retry_at is null) from dirty") ==
        "t");
  CHECK(served.call("DELETE", "/api/v1/quarantine/" + id).status == 200);
  CHECK(served.call("POST", "/api/v1/quarantine/" + id + "/retry").status == 404);
}

TEST_CASE("a quarantined row is retried at once, whatever its mailbox waits for, unless it takes no part") {
  test::Served served;
  configure(served);
  served.call("POST", "/api/v1/mailboxes", R"({"mailboxes":["1001","9001"]})");
  served.call("POST", "/api/v1/participation", R"({"action":"exclude","mask":"9*"})");
  served.sql("delete from dirty");
  served.sql(
      "insert into quarantine (mailbox_id, folder_name, kind, code) select id, 'INBOX', 'message', "
      "'MRD-IMAP-014' from mailbox");
  const auto review_later = [&] {
    served.sql(
        "delete from retry; delete from dirty; "
        "insert into dirty (mailbox_id, generation, cause, class, due_at) select id, "
        "nextval('dirty_generation'), 'review', 2, now() + interval '1 h' from mailbox where name = '1001'; "
        "insert into retry (mailbox_id, due_at, code, scope, detail) select id, now() + interval '1 h', "
        "'MRD-IMAP-002', 'mailbox', '' from mailbox where name = '1001'");
  };
  const auto works_now = [&] {
    return served.sql(
        "select string_agg(m.name || ' ' || d.class, ',') from dirty d join mailbox m on m.id = d.mailbox_id "
        "join retry r on r.mailbox_id = m.id where d.full_compare and d.due_at <= now() and r.due_at <= "
        "now() and (select count(*) from dirty) = 1");
  };
  review_later();
  CHECK(works_now().empty());
  CHECK(served.call("POST", "/api/v1/quarantine/all/retry").body == R"({"due":2})");
  CHECK(works_now() == "1001 0");
  review_later();
  const auto id =
      served.sql("select q.id from quarantine q join mailbox m on m.id = q.mailbox_id where m.name = '1001'");
  CHECK(served.call("DELETE", "/api/v1/quarantine/" + id).status == 200);
  CHECK(works_now() == "1001 0");
}

TEST_CASE("a mask is as long as a name may be, and no longer") {
  test::Served served;
  configure(served);
  const std::string longest(255, '*');
  for (const char* path : {"/api/v1/mailboxes?mask=", "/api/v1/guard?mailbox=", "/api/v1/quarantine?mailbox=",
                           "/api/v1/events?types="}) {
    INFO(path);
    CHECK(served.call("GET", path + longest).status == 200);
    CHECK(served.call("GET", path + longest + "*").status == 422);
  }
  const auto release = [&](const std::string& mask) {
    return served.call("POST", "/api/v1/guard/" + mask + "/release", R"({"reason":"x","expected":1})").status;
  };
  CHECK(release(longest) == 404);
  CHECK(release(longest + "*") == 422);
}

TEST_CASE("the configuration goes in as a document, out as one, and in again without a change") {
  test::Served served;
  const std::string text =
      "[store.prod]\nhost=\"p\"\nport=993\npassword_file=\"f\"\n[store.dr]\nhost=\"d\"\nport=993\n[link.main]"
      "\nsource=\"prod\"\n"
      "target=\"dr\"\nmailboxes=[\"1001\",\"1002\"]\n[[link.main.rule]]\naction=\"exclude\"\nmask=\"1002\"\n";
  const json::object body{{"document", text}, {"files", json::object{{"f", "hush-hush"}}}};
  CHECK(json::parse(served.call("POST", "/api/v1/config/plan", json::serialize(body)).body).at("changes") ==
        true);
  CHECK(served.sql("select count(*) from store") == "0");
  const auto applied = served.call("POST", "/api/v1/config/apply", json::serialize(body));
  INFO(applied.body);
  REQUIRE(applied.status == 200);
  CHECK(served.sql("select count(*) from mailbox where participates") == "1");
  CHECK(served.sql("select password_sealed is not null from store where name = 'prod'") == "t");
  const std::string exported = served.call("GET", "/api/v1/config").body;
  CHECK(exported.find("hush") == std::string::npos);
  const json::object again{{"document", exported}};
  CHECK(json::parse(served.call("POST", "/api/v1/config/apply", json::serialize(again)).body).at("changes") ==
        false);
  const json::object wrong{{"document", "[stor.x]\n"}, {"file_name", "my.toml"}};
  const auto refused = served.call("POST", "/api/v1/config/apply", json::serialize(wrong));
  CHECK(refused.status == 422);
  CHECK(refused.body.find("my.toml:1") != std::string::npos);
}

TEST_CASE("the event stream says hello, goes on from an id, sends what comes and tells a gap") {
  test::Served served([](http::Settings& settings) { settings.event_poll = std::chrono::seconds(30); });
  configure(served);
  const auto head = std::stoll(served.sql("select id from event_head"));
  std::vector<json::object> frames;
  served.on_loop([] {});
  const auto closed =
      http::Client(served.socket).follow("/api/v1/events/stream?after=1", [&](const std::string& frame) {
        frames.push_back(json::parse(frame).as_object());
        if (frames.size() == static_cast<std::size_t>(head)) {  // hello and head - 1 events
          // The poll is far away: only the hint can bring this one.
          served.sql("select add_event('test.made', 'info', '', '77', null, '', '{}')");
          served.on_loop([&] { served.server->wake_events(); });
        }
        return frames.back().at("type") != "test.made";
      });
  CHECK(closed.code == 1000);
  CHECK(frames.front().at("type") == "hello");
  CHECK(frames.front().at("state") == "mirroring");
  CHECK(frames[1].at("id") == "2");
  CHECK(frames.back().at("mailbox") == "77");

  served.sql("delete from event where id <= 2");
  frames.clear();
  http::Client(served.socket).follow("/api/v1/events/stream?after=0", [&](const std::string& frame) {
    frames.push_back(json::parse(frame).as_object());
    return frames.size() < 3;
  });
  CHECK(frames[1].at("type") == "gap");
  CHECK(frames[2].at("id") == "3");
}

TEST_CASE("a client that talks back anything but a filter loses its stream; the server goes on") {
  test::Served served;
  const auto closed =
      http::Client(served.socket).follow("/api/v1/events/stream?after=x", [](const std::string&) {
        return true;
      });
  CHECK(closed.code == 4000);
  CHECK(closed.reason == "after must be an event's id");
  CHECK(served.call("GET", "/api/v1/events/stream").status == 426);
  CHECK(served.call("GET", "/livez").status == 200);
}

TEST_CASE("a refused stream is closed with the reason") {
  test::Served served;
  const auto answer = [&](const std::string& query, const std::string& until) {
    return raw(served.socket,
               "GET /api/v1/events/stream?" + query +
                   " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
               until);
  };
  const auto says = [&](const std::string& query, const std::string& reason) {
    return answer(query, reason).find(reason) != std::string::npos;
  };
  CHECK(says("after=x", "after must be an event's id"));
  CHECK(says("types=%ff", "the target is no UTF-8 text"));
  CHECK(says("types=" + std::string(256, 'a'), "a type must be at most 255 octets long"));
}

TEST_CASE("bounds: no HTTP, huge heads, huge bodies, unknown paths") {
  test::Served served;
  CHECK(raw(served.socket, "\x16\x03\x01 nonsense\r\n\r\n").find("HTTP/1.1 400") == 0);
  CHECK(raw(served.socket, "GET / HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n")
            .find("HTTP/1.1 400") == 0);
  CHECK(raw(served.socket, "POST /api/v1/stores HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n")
            .find("HTTP/1.1 413") == 0);
  CHECK(raw(served.socket,
            "POST /api/v1/stores HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" +
                std::string(0x200000, 'x') + "\r\n0\r\n\r\n")
            .find("HTTP/1.1 413") == 0);
  const auto answer = raw(
      served.socket, "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: me-1\r\n\r\n");
  CHECK(answer.find("HTTP/1.1 404") == 0);
  CHECK(answer.find("X-Request-Id: me-1") != std::string::npos);
  CHECK(answer.find("\"request_id\":\"me-1\"") != std::string::npos);
}

TEST_CASE("a database that restarts costs one answer of 503, not the server") {
  test::Served served;
  CHECK(served.call("GET", "/api/v1/status").status == 200);
  test::Cluster::shared().restart();
  int status = 0;
  for (int i = 0; i < 4 && status != 200; ++i) {
    status = served.call("GET", "/api/v1/status").status;
    CHECK((status == 200 || status == 503));
  }
  CHECK(status == 200);
}

TEST_CASE("a second daemon does not take over a socket that answers") {
  test::Served served;
  db::Pool pool(db::PoolSettings{served.database, 1, false});
  http::Settings settings;
  settings.socket_path = served.socket;
  http::Server second(settings, pool);
  boost::asio::io_context loop;
  std::string code;
  boost::asio::co_spawn(loop, second.run(), [&](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const base::Failed& failed) {
      code = failed.failure().code();
    }
  });
  loop.run();
  pool.join();
  CHECK(code == "MRD-CONF-008");
  CHECK(served.call("GET", "/livez").status == 200);
}

TEST_CASE("a user outside the group reaches the socket but nothing behind it") {
  if (geteuid() != 0) FAIL("this test asks the kernel for another user and runs as root");
  test::Served served;
  std::filesystem::permissions(std::filesystem::path(served.socket).parent_path(),
                               std::filesystem::perms::others_exec, std::filesystem::perm_options::add);
  std::filesystem::permissions(served.socket, std::filesystem::perms::all);
  const pid_t child = fork();
  if (child == 0) {
    if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) _exit(99);
    // No exception may unwind a copy of this program.
    try {
      const auto answer =
          raw(served.socket, "GET /api/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      _exit(answer.find("HTTP/1.1 403") == 0 ? 0 : 1);
    } catch (const std::exception&) {
      _exit(2);
    }
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("the client hears why its body was refused") {
  test::Served served;
  CHECK(served.call("POST", "/api/v1/stores", "{\"x\":\"" + std::string(3U << 20, 'x') + "\"}").status ==
        413);
}

TEST_CASE("stopping ends idle connections, open streams and long polls") {
  auto served = std::make_unique<test::Served>();
  boost::asio::io_context context;
  boost::asio::local::stream_protocol::socket idle(context), waiting(context);
  idle.connect(boost::asio::local::stream_protocol::endpoint(served->socket));
  waiting.connect(boost::asio::local::stream_protocol::endpoint(served->socket));
  boost::asio::write(
      waiting, boost::asio::buffer(std::string("GET /api/v1/events?wait=60 HTTP/1.1\r\nHost: x\r\n\r\n")));
  std::atomic<bool> greeted = false;
  std::thread follower([&greeted, path = served->socket] {
    http::Client(path).follow("/api/v1/events/stream", [&](const std::string&) { return greeted = true; });
  });
  while (!greeted) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  served.reset();  // would hang
  follower.join();
  char octet = 0;
  boost::system::error_code error;
  idle.read_some(boost::asio::buffer(&octet, 1), error);
  CHECK(error == boost::asio::error::eof);
}

TEST_CASE("a method that does not exist here is told which do") {
  test::Served served;
  const auto answer =
      raw(served.socket, "DELETE /api/v1/state HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(answer.find("HTTP/1.1 405") == 0);
  CHECK(answer.find("Allow: GET, PUT") != std::string::npos);
}
