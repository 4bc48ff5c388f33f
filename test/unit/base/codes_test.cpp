// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <regex>

#include "base/clock.hpp"
#include "base/codes.hpp"
#include "base/ids.hpp"

using namespace mirror::base;

TEST_CASE("the catalogue is sorted, unique and complete") {
  const std::regex form("MRD-(BASE|CONF|DB|DIR|HTTP|IMAP|LDAP|MIR|NET)-[0-9]{3}");
  std::string_view before;
  for (const auto& row : catalogue()) {
    INFO(row.id);
    CHECK(before < row.id);
    CHECK(std::regex_match(std::string(row.id), form));
    CHECK(row.what.size() >= 10);
    CHECK(row.what.back() != '.');
    CHECK(row.next_step.size() >= 20);
    CHECK(row.next_step.back() == '.');
    CHECK(&code_of(row.id) == &row);
    before = row.id;
  }
  CHECK(catalogue().size() > 60);
}

TEST_CASE("an unknown code is found again in the failure's detail") {
  CHECK(code_of("MRD-IMAP-999").id == "MRD-BASE-001");
  const Failure failure("MRD-NO-SUCH", "words");
  CHECK(failure.code() == "MRD-BASE-001");
  CHECK(failure.detail() == "MRD-NO-SUCH: words");
}

TEST_CASE("a failure takes scope and retry from the catalogue unless told") {
  const Failure failure("MRD-IMAP-014", "INBOX 7");
  CHECK(failure.scope() == Scope::message);
  CHECK(failure.retry() == Retry::never);
  CHECK(failure.text() == "MRD-IMAP-014 the message is too big for the target: INBOX 7");
  CHECK(failure.next_step() == code_of("MRD-IMAP-014").next_step);
  const Failure narrowed("MRD-IMAP-004", Scope::folder, Retry::now, "");
  CHECK(to_text(narrowed.scope()) == "folder");
  CHECK(to_text(narrowed.retry()) == "now");
  CHECK(narrowed.text() == "MRD-IMAP-004 the server refused a command");
}

TEST_CASE("the value of a failed result throws Failed with the same failure") {
  const Result<int> good = 5;
  CHECK(good.value() == 5);
  const Result<int> bad = Failure("MRD-NET-003", "peer");
  try {
    (void)bad.value();
    FAIL("nothing thrown");
  } catch (const Failed& caught) {
    CHECK(caught.failure().code() == "MRD-NET-003");
    CHECK(std::string(caught.what()).find("peer") != std::string::npos);
  }
}

TEST_CASE("strong numbers print as numbers and the boot clock goes on") {
  CHECK(fmt::format("{} {} {:>4}", Uid{7}, ModSeq{1ULL << 60}, StoreId{-1}) == "7 1152921504606846976   -1");
  const BootClock clock;
  const auto first = clock.now();
  CHECK(clock.now() >= first);
  CHECK(first.time_since_epoch().count() > 0);
  ManualClock manual;
  manual.advance(std::chrono::seconds(3));
  CHECK(manual.now() - BootTime{} == std::chrono::seconds(3));
}
