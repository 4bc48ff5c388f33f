// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/this_coro.hpp>
#include <catch2/catch.hpp>

#include "net/both.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "support/run.hpp"
#include "unit/ldap/fake_server.hpp"

using namespace mirror;
using namespace mirror::test;
using namespace std::chrono_literals;
using net::Task;

namespace {

ldap::SearchRequest everything() {
  ldap::SearchRequest request;
  request.base = "dc=example";
  return request;
}

// How a task fails: the code, or "" when it does not.
template <class T>
Task<std::string> code_of(Task<T> task) {
  try {
    (void)co_await std::move(task);
  } catch (const base::Failed& failed) {
    co_return std::string(failed.failure().code());
  }
  co_return "";
}

// The answer in pieces of so many octets.
Task<void> answer_in_pieces(FakeServer& server, std::string octets, std::size_t piece) {
  for (std::size_t at = 0; at < octets.size(); at += piece) co_await server.say(octets.substr(at, piece));
}

Task<void> three_entries(std::size_t piece) {
  auto [connection, server] = converse(co_await net::asio::this_coro::executor);
  Entries entries;
  const auto play = [](FakeServer& to, std::size_t size) -> Task<int> {
    const auto asked = co_await to.request();
    CHECK(asked.op == search_request);
    std::string all;
    for (const auto* name : {"cn=a", "cn=b", "cn=c"})
      all +=
          entry(asked.id, name, {{"cn", {std::string(name + 3)}}, {"photo", {std::string("\0\xff", 2), ""}}});
    co_await answer_in_pieces(to, all + result(asked.id, search_done, 0, "well"), size);
    co_return asked.id;
  };
  const auto [outcome, id] =
      co_await net::both(connection->search(everything(), entries), play(*server, piece));
  CHECK(outcome.ok());
  CHECK(outcome.text == "well");
  REQUIRE(entries.taken.size() == 3);
  CHECK(entries.taken[2].dn == "cn=c");
  CHECK(entries.taken[1].first("CN") == "b");
  CHECK(entries.taken[0].find("photo")->values == std::vector<std::string>{std::string("\0\xff", 2), ""});
  CHECK(connection->usable());
}

}  // namespace

TEST_CASE("entries come whole however the octets come") {
  SECTION("all in one piece, as from a peer that packs messages") {
    run(three_entries(1U << 20U));
  }
  SECTION("octet by octet") {
    run(three_entries(1));
  }
  SECTION("in pieces of seven") {
    run(three_entries(7));
  }
}

namespace {

Task<void> many_at_once() {
  auto [connection, server] = converse(co_await net::asio::this_coro::executor);
  constexpr int k_many = 100;
  std::vector<int> codes(k_many, -1);
  net::TaskGroup group(co_await net::asio::this_coro::executor);
  const auto one = [](ldap::Connection& to, int number, int& code) -> Task<void> {
    const auto outcome = co_await to.remove("cn=" + std::to_string(number));
    code = static_cast<int>(outcome.code);
  };
  for (int i = 0; i < k_many; ++i)
    group.spawn("one", one(*connection, i, codes[static_cast<std::size_t>(i)]));
  std::vector<std::pair<int, int>> asked;  // id, number
  for (int i = 0; i < k_many; ++i) {
    const auto request = co_await server->request();
    CHECK(request.op == delete_request);
    asked.emplace_back(request.id, std::stoi(request.body.substr(request.body.find("cn=") + 3)));
  }
  // The last asked is the first answered.
  for (auto at = asked.rbegin(); at != asked.rend(); ++at)
    co_await server->say(result(at->first, delete_response, at->second));
  co_await group.join();
  for (int i = 0; i < k_many; ++i) CHECK(codes[static_cast<std::size_t>(i)] == i);
}

Task<void> one_cancelled() {
  auto [connection, server] = converse(co_await net::asio::this_coro::executor);
  net::TaskGroup first(co_await net::asio::this_coro::executor),
      second(co_await net::asio::this_coro::executor);
  std::string left = "not yet", stayed = "not yet";
  const auto one = [](ldap::Connection& to, std::string& word) -> Task<void> {
    word = (co_await to.remove("cn=x")).words();
  };
  first.spawn("reads", one(*connection, left));
  const auto of_first = co_await server->request();
  second.spawn("waits", one(*connection, stayed));
  const auto of_second = co_await server->request();
  co_await net::sleep_for(5ms);
  first.cancel();
  co_await first.join();
  CHECK(left == "not yet");
  co_await server->say(result(of_first.id, delete_response, 32));  // too late for anybody
  co_await server->say(result(of_second.id, delete_response, 0));
  co_await second.join();
  CHECK(stayed == "0 success");
  // The next request takes the Abandon along.
  second.spawn("after", one(*connection, stayed));
  CHECK((co_await server->request()).op == abandon_request);
  const auto after = co_await server->request();
  CHECK(after.op == delete_request);
  co_await server->say(result(after.id, delete_response, 53, "no"));
  co_await second.join();
  CHECK(stayed == "53 unwillingToPerform: no");
}

}  // namespace

TEST_CASE("each of many operations gets its own answer, in whatever order they come") {
  run(many_at_once());
}

TEST_CASE("who was reading for all may be cancelled: the others go on") {
  run(one_cancelled());
}

namespace {

// What a search ends with when the server says this and then closes, or stays silent.
Task<void> after(std::string octets, bool closes, std::string expected) {
  auto [connection, server] =
      converse(co_await net::asio::this_coro::executor, expected == "MRD-NET-002" ? 100ms : 1h);
  Entries entries;
  const auto play = [](FakeServer& to, std::string words, bool end) -> Task<int> {
    const auto asked = co_await to.request();
    co_await to.say(std::move(words));
    if (end) to.close();
    co_return asked.id;
  };
  const auto [code, id] = co_await net::both(code_of(connection->search(everything(), entries)),
                                             play(*server, std::move(octets), closes));
  CHECK(code == expected);
  CHECK_FALSE(connection->usable());
  // Nobody else gets an answer either, and nothing is sent.
  CHECK(co_await code_of(connection->remove("cn=x")) == expected);
}

}  // namespace

TEST_CASE("a server that breaks off, falls silent or speaks something else ends the conversation") {
  const std::string half = entry(1, "cn=a").substr(0, 9);
  SECTION("reset in the middle of a message") {
    run(after(half, true, "MRD-NET-003"));
  }
  SECTION("reset between messages") {
    run(after(entry(1, "cn=a"), true, "MRD-NET-003"));
  }
  SECTION("silence in the middle of a message") {
    run(after(half, false, "MRD-NET-002"));
  }
  SECTION("silence between messages") {
    run(after(entry(1, "cn=a"), false, "MRD-NET-002"));
  }
  SECTION("no LDAP") {
    run(after("HTTP/1.1 400 Bad Request\r\n", false, "MRD-LDAP-002"));
  }
  SECTION("an endless message") {
    run(after(std::string("\x30\x84\x7f\xff\xff\xff\x02", 7), false, "MRD-LDAP-002"));
  }
  SECTION("an entry that cannot be decoded") {
    auto octets = entry(1, "cn=a", {{"cn", {"a"}}, {"sn", {"b"}}});
    octets[octets.size() - 2] = '\x7f';  // the last value claims to be longer than its message
    run(after(octets, false, "MRD-LDAP-002"));
  }
  SECTION("a reference that cannot be decoded") {
    run(after(reference(1, std::string("ldap://a\0b", 10)), false, "MRD-LDAP-002"));
  }
  SECTION("the answer to another question") {
    run(after(result(1, extended_response, 0), false, "MRD-LDAP-002"));
  }
  SECTION("a farewell") {
    run(after(notice_of_disconnection("shutting down"), false, "MRD-LDAP-004"));
  }
}

namespace {

struct Slow : ldap::Sink {
  explicit Slow(net::asio::any_io_executor executor) : open(executor) {
    open.expires_at(net::asio::steady_timer::time_point::max());
  }
  net::asio::steady_timer open;
  bool waits = true;
  std::size_t taken = 0;
  Task<void> take(ldap::Entry) override {
    ++taken;
    while (waits) co_await net::sleep_for(1ms);
  }
};

// A second operation wants its answer, which comes behind 20,000 entries for a sink that waits.
Task<void> slow_sink() {
  const auto executor = co_await net::asio::this_coro::executor;
  auto [connection, server] = converse(executor);
  Slow slow(executor);
  net::TaskGroup group(executor);
  bool answered = false;
  const auto searching = [](ldap::Connection& to, ldap::Sink& sink) -> Task<void> {
    CHECK((co_await to.search(everything(), sink)).ok());
  };
  const auto removing = [](ldap::Connection& to, bool& done) -> Task<void> {
    CHECK((co_await to.remove("cn=x")).ok());
    done = true;
  };
  group.spawn("search", searching(*connection, slow));
  const auto search = co_await server->request();
  group.spawn("remove", removing(*connection, answered));
  const auto remove = co_await server->request();
  std::string all;
  for (int i = 0; i < 20'000; ++i) all += entry(search.id, "cn=some entry " + std::to_string(i));
  all += result(search.id, search_done, 0) + result(remove.id, delete_response, 0);
  co_await server->say(all);
  while (slow.taken == 0) co_await net::sleep_for(1ms);
  co_await net::sleep_for(50ms);  // time to read too much
  CHECK(slow.taken == 1);
  CHECK_FALSE(answered);
  CHECK(connection->octets_in() < all.size() / 4);
  slow.waits = false;
  co_await group.join();
  CHECK(slow.taken == 20'000);
  CHECK(answered);
}

}  // namespace

TEST_CASE("what is read ahead for a slow sink is bounded, and nothing is lost") {
  run(slow_sink());
}

namespace {

Task<void> binds() {
  auto [connection, server] = converse(co_await net::asio::this_coro::executor);
  // Nothing may leave: a pipe has no TLS.
  CHECK(co_await code_of(connection->bind()) == "MRD-LDAP-005");
  CHECK(connection->octets_out() == 0);
}

Task<void> binds_over_tls(int code, std::string expected) {
  auto [connection, server] = converse(co_await net::asio::this_coro::executor);
  const auto play = [](FakeServer& to, int answer) -> Task<std::string> {
    const auto tls = co_await to.request();
    CHECK(tls.op == extended_request);
    CHECK(tls.body.find("1.3.6.1.4.1.1466.20037") != std::string::npos);
    co_await to.say(result(tls.id, extended_response, 0));
    const auto asked = co_await to.request();
    CHECK(asked.op == bind_request);
    co_await to.say(result(asked.id, bind_response, answer, "so it is"));
    co_return asked.body;
  };
  const auto session = [](ldap::Connection& with) -> Task<std::string> {
    co_await with.start_tls({});
    co_return co_await code_of(with.bind());
  };
  const auto [failed, body] = co_await net::both(session(*connection), play(*server, code));
  CHECK(failed == expected);
  CHECK(body.find("cn=reader") != std::string::npos);
  CHECK(body.find("a secret") != std::string::npos);
}

}  // namespace

namespace {

// Somebody between us puts the beginning of an answer behind the one to StartTLS, to be completed through
// TLS.
Task<void> begun_before_tls() {
  auto [connection, server] = converse(co_await net::asio::this_coro::executor);
  const auto play = [](FakeServer& to) -> Task<int> {
    const auto tls = co_await to.request();
    co_await to.say(result(tls.id, extended_response, 0) + result(tls.id + 1, bind_response, 0).substr(0, 9));
    co_return tls.id;
  };
  const auto [failed, id] = co_await net::both(code_of(connection->start_tls({})), play(*server));
  CHECK(failed == "MRD-LDAP-002");
  CHECK_FALSE(connection->usable());
}

Task<std::string> starttls_refused(int code) {
  auto [connection, server] = converse(co_await net::asio::this_coro::executor);
  const auto play = [](FakeServer& to, int answer) -> Task<int> {
    const auto tls = co_await to.request();
    co_await to.say(result(tls.id, extended_response, answer));
    co_return tls.id;
  };
  const auto session = [](ldap::Connection& with) -> Task<std::string> {
    try {
      co_await with.start_tls({});
    } catch (const base::Failed& failed) {
      co_return std::string(failed.failure().code()) + " " + std::string(to_text(failed.failure().retry()));
    }
    co_return "";
  };
  co_return (co_await net::both(session(*connection), play(*server, code))).first;
}

}  // namespace

TEST_CASE("nothing that came before TLS is taken for what comes through it") {
  run(begun_before_tls());
}

TEST_CASE("a server that is busy is asked again later, one that has no TLS is not") {
  CHECK(run(starttls_refused(52)) == "MRD-LDAP-007 later");
  CHECK(run(starttls_refused(2)) == "MRD-LDAP-007 never");
}

TEST_CASE("a password goes over TLS alone, and a refusal is told") {
  run(binds());
  run(binds_over_tls(0, ""));
  run(binds_over_tls(49, "MRD-LDAP-001"));
}

namespace {

Task<void> cannot_be_asked() {
  auto [connection, server] = converse(co_await net::asio::this_coro::executor);
  auto request = everything();
  request.filter = "(no filter";
  Entries entries;
  CHECK(co_await code_of(connection->search(request, entries)) == "MRD-LDAP-003");
  CHECK(connection->octets_out() == 0);
  CHECK(connection->usable());
  co_await connection->farewell();
  CHECK((co_await server->request()).op == unbind_request);
  CHECK((co_await server->request()).op == 0);
}

}  // namespace

TEST_CASE("what is no filter is refused before it leaves, and the conversation goes on to its farewell") {
  run(cannot_be_asked());
}

TEST_CASE("a control without a value is none") {
  ldap::Outcome outcome;
  outcome.controls = {{"1.2.840.113556.1.4.319", "", false}, {"1.3.6.1.1.13.1", "", false}};
  CHECK_FALSE(ldap::page_cookie(outcome));
  CHECK_FALSE(ldap::pre_read_entry(outcome));
}

TEST_CASE("the entry as it was before a change is read") {
  const auto attribute = [](const char* name, std::vector<std::string> values) {
    std::string set;
    for (const auto& value : values) set += ber(0x04, value);
    return ber(0x30, ber(0x04, name) + ber(0x31, set));
  };
  ldap::Outcome outcome;
  outcome.controls = {
      {"1.3.6.1.1.13.1",
       ber(0x64, ber(0x04, "cn=a") + ber(0x30, attribute("cn", {"a"}) + attribute("sn", {"b", ""}))), false}};
  const auto entry = ldap::pre_read_entry(outcome);
  REQUIRE(entry);
  CHECK(entry->dn == "cn=a");
  REQUIRE(entry->attributes.size() == 2);
  CHECK(entry->attributes[1].name == "sn");
  CHECK(entry->attributes[1].values == std::vector<std::string>{"b", ""});
  CHECK_FALSE(ldap::post_read_entry(outcome));
  outcome.controls.front().oid = "1.3.6.1.1.13.2";
  CHECK(ldap::post_read_entry(outcome));
  CHECK_FALSE(ldap::pre_read_entry(outcome));
}

TEST_CASE("a name with a NUL in it is refused before it leaves") {
  ldap::Codec codec;
  CHECK_THROWS_AS(codec.remove(std::string("cn=a\0,dc=x", 10)), base::Failed);
  CHECK(codec.take_output().empty());
}
