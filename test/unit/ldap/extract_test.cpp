// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/this_coro.hpp>
#include <catch2/catch.hpp>

#include "ldap/extract.hpp"
#include "net/both.hpp"
#include "support/run.hpp"
#include "unit/ldap/fake_server.hpp"

using namespace mirror;
using namespace mirror::test;
using net::Task;

namespace {

struct Extracted : ldap::ExtractSink {
  std::vector<std::string> taken;
  int begun = 0;
  Task<void> take(ldap::Entry one) override {
    taken.push_back(one.dn);
    co_return;
  }
  void start_over() override {
    taken.clear();
    ++begun;
  }
};

// What the server does with one search: so many entries, then this result.
struct Turn {
  int entries = 0;
  int code = 0;
  std::string cookie = "-";  // "-": no control in the answer
  std::string refers = "";
};

Task<int> play(FakeServer& server, std::vector<Turn> turns) {
  int number = 0;
  for (const auto& turn : turns) {
    const auto asked = co_await server.request();
    if (asked.op != search_request) co_return -1;
    std::string all;
    for (int i = 0; i < turn.entries; ++i) all += entry(asked.id, "cn=" + std::to_string(number++));
    if (!turn.refers.empty()) all += reference(asked.id, turn.refers);
    all += result(asked.id, search_done, turn.code, "", turn.cookie == "-" ? "" : page_control(turn.cookie));
    co_await server.say(all);
  }
  co_return number;
}

struct Seen {
  ldap::ExtractEnd end;
  Extracted extracted;
};

Task<Seen> reads(int page_size, std::vector<Turn> turns) {
  auto [connection, server] = converse(co_await net::asio::this_coro::executor);
  Seen seen;
  ldap::SearchRequest request;
  request.base = "dc=example";
  auto [end, number] = co_await net::both(ldap::extract(*connection, request, page_size, seen.extracted),
                                          play(*server, std::move(turns)));
  seen.end = std::move(end);
  co_return seen;
}

}  // namespace

TEST_CASE("an extract in one search is complete when it ended with success") {
  const auto seen = run(reads(0, {{3, 0}}));
  CHECK(seen.end.complete);
  CHECK(seen.end.entries == 3);
  CHECK(seen.end.pages == 0);
  CHECK(seen.extracted.taken == std::vector<std::string>{"cn=0", "cn=1", "cn=2"});
}

TEST_CASE("a directory without entries is read completely, too") {
  const auto seen = run(reads(0, {{0, 0}}));
  CHECK(seen.end.complete);
  CHECK(seen.end.entries == 0);
}

TEST_CASE("pages go on until the cookie is empty") {
  const auto seen = run(reads(2, {{2, 0, "one"}, {2, 0, "two"}, {1, 0, ""}}));
  CHECK(seen.end.complete);
  CHECK(seen.end.entries == 5);
  CHECK(seen.end.pages == 3);
}

TEST_CASE("a limit for one search makes it begin anew in pages") {
  const auto seen = run(reads(0, {{500, 4}, {1000, 0, "more"}, {200, 0, ""}}));
  CHECK(seen.end.complete);
  CHECK(seen.extracted.begun == 2);
  CHECK(seen.extracted.taken.size() == 1200);
  CHECK(seen.end.entries == 1200);
}

TEST_CASE("what ends early in whatever way is incomplete, and says why") {
  const auto ends = [](int size, std::vector<Turn> turns) { return run(reads(size, std::move(turns))).end; };
  // A limit of all pages together shows on the last one alone.
  CHECK_FALSE(ends(2, {{2, 0, "one"}, {2, 4, ""}}).complete);
  CHECK_FALSE(ends(2, {{2, 0, "one"}, {1, 4, "-"}}).complete);
  CHECK_FALSE(ends(0, {{500, 4}, {1000, 0, "more"}, {0, 4, ""}}).complete);
  CHECK_FALSE(ends(0, {{10, 3}}).complete);
  CHECK_FALSE(ends(0, {{10, 51}}).complete);
  CHECK_FALSE(ends(0, {{10, 52}}).complete);
  CHECK_FALSE(ends(0, {{0, 32}}).complete);
  CHECK_FALSE(ends(2, {{2, 0, "-"}}).complete);
  const auto referred = ends(0, {{10, 0, "-", "ldap://elsewhere/dc=example"}});
  CHECK_FALSE(referred.complete);
  CHECK(referred.why.find("ldap://elsewhere") != std::string::npos);
  CHECK(ends(0, {{10, 3}}).why.find("timeLimitExceeded") != std::string::npos);
}

TEST_CASE("a reference on any page ends the reading: no further page makes it complete") {
  const auto seen = run(reads(2, {{2, 0, "one", "ldap://elsewhere/"}}));
  CHECK_FALSE(seen.end.complete);
  CHECK(seen.end.pages == 1);
}
