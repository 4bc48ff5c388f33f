// SPDX-License-Identifier: Apache-2.0
// The listener and the push source over a real database: who is let in, what becomes work, what is only
// counted.
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "http/post_listener.hpp"
#include "mirror/push_source.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "support/cluster.hpp"
#include "support/run.hpp"

namespace asio = boost::asio;
using namespace mirror;
using asio::ip::tcp;

namespace {

const std::string k_token = "0123456789abcdef";

net::Task<std::string> talk(std::uint16_t port, std::string request) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
  co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
  std::string answer;
  boost::system::error_code error;
  co_await asio::async_read(socket, asio::dynamic_buffer(answer),
                            asio::redirect_error(asio::use_awaitable, error));
  co_return answer;
}

std::string post(const std::string& path, const std::string& body, const std::string& method = "POST") {
  return method + " " + path +
         " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

std::string status_of(const std::string& answer) {
  return answer.substr(9, 3);
}

std::string event(const std::string& user, const std::string& command, const std::string& folder = "INBOX") {
  return R"({"event":"imap_command_finished","fields":{"user":")" + user + R"(","cmd_name":")" + command +
         R"(","mailbox":")" + folder + R"("}})";
}
std::string login(const std::string& user, const std::string& master) {
  return R"({"event":"auth_request_finished","fields":{"success":"yes","user":")" + user +
         R"(","master_user":")" + master + R"("}})";
}

// A site of two stores, one link and two mailboxes; production is watched by push.
struct Site {
  Site() : database(test::Cluster::shared().fresh_database()), pool({database, 2, false}) {
    auto pattern = (std::filesystem::temp_directory_path() / "mm-push-XXXXXX").string();
    directory = mkdtemp(pattern.data());
    std::ofstream(directory / "pushed.toml")
        << "[folders]\ngreetings = [\"Greetings*\"]\n[watch]\nmethod = \"push\"\n";
    sql("insert into store (name, host, port, profile, login) values ('production', 'p', 1, 'pushed', "
        "'mirror'), ('dr', 'd', 1, 'pushed', 'mirror')");
    sql("insert into link (name, source_store_id, target_store_id) values ('dr', 1, 2)");
    sql("insert into mailbox (link_id, target_store_id, name, target_name) values (1, 2, '1001', '1001'), "
        "(1, 2, 'Alice', 'Alice')");
    sql("delete from dirty");
  }
  ~Site() {
    pool.join();
    std::filesystem::remove_all(directory);
  }
  std::string sql(const std::string& text) { return test::Cluster::shared().query(database, text); }
  std::string dirty() {
    return sql(
        "select coalesce(string_agg(m.name || ':' || d.cause, ' ' order by m.id), '') from dirty d join "
        "mailbox m on m.id = d.mailbox_id");
  }
  std::string counted() {
    return sql(
        "select coalesce(string_agg(kind || ':' || impact || ':' || count, ' ' order by kind, impact), '') "
        "from store_event where store_id = 1");
  }

  std::string database;
  std::filesystem::path directory;
  db::Pool pool;
  base::BootClock clock;
};

net::Task<int> hand_on(engine::PushSource* source, std::string path, std::string body) {
  co_return source->take(path, body);
}

// Runs a listener with a push source while script talks to it.
net::Task<void> with_listener(Site* site, net::Task<void> (*script)(Site*, std::uint16_t)) {
  const auto executor = co_await asio::this_coro::executor;
  engine::Settings settings;
  settings.coalesce = engine::Millis(0);
  engine::StoreBook book(site->pool, nullptr, site->directory.string(), site->clock);
  co_await book.reload();
  engine::Sessions sessions(site->pool, book, settings, site->clock);
  engine::World world{site->pool, book, sessions, settings, site->clock};
  engine::PushSource source(world, base::SecretText(k_token), executor);
  std::uint16_t port = 0;
  http::PostSettings listen;
  listen.body_limit = 4096;
  http::PostHandler handler = [&source](std::string path, std::string body) {
    return hand_on(&source, std::move(path), std::move(body));
  };
  net::TaskGroup group(executor);
  group.spawn("listener", http::listen_for_posts(listen, handler, [&](std::uint16_t at) { port = at; }));
  group.spawn("events", source.run());
  while (port == 0) co_await net::sleep_for(std::chrono::milliseconds(5));
  std::exception_ptr error;
  try {
    co_await script(site, port);
  } catch (...) {
    error = std::current_exception();
  }
  group.cancel();
  co_await group.join();
  if (error) std::rethrow_exception(error);
}

// Until the rows say so, or long enough that they never will.
net::Task<void> wait_for(Site* site, std::string (Site::*what)(), std::string wanted) {
  for (int i = 0; i < 100 && (site->*what)() != wanted; ++i)
    co_await net::sleep_for(std::chrono::milliseconds(50));
  const std::string found = (site->*what)();
  CHECK(found == wanted);
}

net::Task<void> refusals(Site*, std::uint16_t port) {
  const std::string body = event("1001", "APPEND");
  const std::string good = "/push/production/" + k_token;
  struct Row {
    std::string request, status;
  };
  const std::vector<Row> rows{{post(good, body), "204"},
                              {post(good, body, "PUT"), "204"},
                              {post("/push/production/wrong-token-here", body), "403"},
                              {post("/push/production/", body), "403"},
                              {post("/push/elsewhere/" + k_token, body), "404"},
                              {post("/api/v1/status", body), "404"},
                              {post(good, "no json"), "400"},
                              {post(good, std::string(5000, 'x')), "413"},
                              {"GET " + good + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "405"},
                              {"rubbish\r\n\r\n", "400"}};
  for (const auto& row : rows) {
    const auto answer = co_await talk(port, row.request);
    CAPTURE(row.request.substr(0, 60));
    CHECK(status_of(answer) == row.status);
  }
}

net::Task<void> kinds(Site* site, std::uint16_t port) {
  co_await wait_for(site, &Site::dirty, "1001:gap Alice:gap");  // whatever happened before we listened
  site->sql("delete from dirty");
  const std::string good = "/push/production/" + k_token;
  const std::vector<std::string> bodies{login("1001", ""), login("1001", "operator"), login("1001", "mirror"),
                                        event("nobody", "APPEND"), event("1001", "FETCH")};
  for (const auto& body : bodies) {
    const auto answer = co_await talk(port, post(good, body));
    CHECK(status_of(answer) == "204");
  }
  // Two people logged in; our own login and a FETCH are "other"; a deposit of somebody who does not
  // participate counts.
  co_await wait_for(site, &Site::counted, "deposit:true:1 gap:true:1 login:false:2 other:false:2");
  co_await wait_for(site, &Site::dirty, "");
  const std::vector<std::string> changes{event("alice", "APPEND", "Greetings/1"), event("1001", "UID STORE"),
                                         event("1001", "UID STORE"),
                                         event("nobody", "CREATE", "Greetings/1")};
  for (const auto& body : changes) co_await talk(port, post(good, body));
  co_await wait_for(site, &Site::dirty, "1001:flag Alice:greeting");
  co_await wait_for(
      site, &Site::counted,
      "deposit:true:1 flag:true:2 folder:true:1 gap:true:1 greeting:true:1 login:false:2 other:false:2");
  const auto method = site->sql("select watch_method from mailbox where name = '1001'");
  CHECK(method == "push");
}

net::Task<void> one_connection(Site*, std::uint16_t port) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
  const std::string body = event("1001", "APPEND");
  const std::string request = "POST /push/production/" + k_token +
                              " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
                              "\r\n\r\n" + body;
  for (int i = 0; i < 3; ++i) {
    co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
    std::string answer;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(answer), "\r\n\r\n", asio::use_awaitable);
    CHECK(status_of(answer) == "204");
  }
}

}  // namespace

TEST_CASE("a post without the token, to nobody, or of rubbish is refused", "[push]") {
  Site site;
  test::run(with_listener(&site, refusals));
}

TEST_CASE("pushed events become work or are only counted", "[push]") {
  Site site;
  test::run(with_listener(&site, kinds));
}

TEST_CASE("one connection carries many posts", "[push]") {
  Site site;
  test::run(with_listener(&site, one_connection));
}
