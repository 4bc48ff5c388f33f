// SPDX-License-Identifier: Apache-2.0
#pragma once

// A logged-in session against a script, for the IMAP wire tests.

#include <catch2/catch.hpp>

#include "support/run.hpp"
#include "wire/scripted_server.hpp"

namespace mirror::test {

using UseSession = std::function<net::Task<void>(imap::Session&)>;

// use is kept by the caller's frame until the conversation has ended.
inline net::Task<void> open_and_use(std::unique_ptr<net::Stream> stream, UseSession use,
                                    imap::Access access) {
  auto session = co_await imap::open_on(std::move(access), std::move(stream), "alice");
  REQUIRE(session.has_value());
  co_await use(**session);
}

// Plays script after the login, lets use act, checks that everything went by the script.
inline std::string with_session(const std::string& caps, std::vector<Step> script, UseSession use,
                                imap::Access access = test_access()) {
  Client client = [&](std::unique_ptr<net::Stream> stream) {
    return open_and_use(std::move(stream), use, access);
  };
  const auto server = run(converse(logged_in(caps, std::move(script)), client));
  CHECK(server->problem == "");
  return server->received;
}

// The code of the Failed that task throws; "" when it throws none.
template <class T>
net::Task<std::string> code_thrown(net::Task<T> task) {
  std::string code;
  try {
    co_await std::move(task);
  } catch (const base::Failed& failed) {
    code = std::string(failed.failure().code());
  }
  co_return code;
}

}  // namespace mirror::test
