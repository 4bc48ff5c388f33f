// SPDX-License-Identifier: Apache-2.0
#pragma once

// A server that plays a script over an in-memory pipe: what it expects is compared octet for octet.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "imap/session_detail.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"

namespace mirror::test {

struct Step {
  enum class Kind { send, expect, close, hang } kind;
  std::string octets;
};
inline Step send(std::string octets) {
  return {Step::Kind::send, std::move(octets)};
}
inline Step expect(std::string octets) {
  return {Step::Kind::expect, std::move(octets)};
}
inline Step close_here() {
  return {Step::Kind::close, {}};
}
inline Step hang() {
  return {Step::Kind::hang, {}};
}  // reads, says nothing more

struct ScriptedServer {
  std::unique_ptr<net::Stream> stream;
  std::vector<Step> steps;
  std::string unread;    // received, not yet expected
  std::string received;  // everything
  bool mute = false;     // from here on anything may come
  std::string problem;   // the first thing that went otherwise
};

inline net::Task<bool> receive(ScriptedServer& server) {
  std::string chunk(65536, '\0');
  const std::size_t count = co_await server.stream->read_some(std::span(chunk.data(), chunk.size()));
  server.unread.append(chunk, 0, count);
  server.received.append(chunk, 0, count);
  co_return count > 0;
}

inline net::Task<bool> play_step(ScriptedServer& server, const Step& step) {
  switch (step.kind) {
    case Step::Kind::send:
      co_await server.stream->write(step.octets);
      co_return true;
    case Step::Kind::close:
      server.stream->close();
      co_return false;
    case Step::Kind::hang:
      server.mute = true;
      co_return true;
    case Step::Kind::expect:
      break;
  }
  while (server.unread.size() < step.octets.size() && step.octets.starts_with(server.unread)) {
    const bool more = co_await receive(server);
    if (!more) break;
  }
  if (!server.unread.starts_with(step.octets)) {
    server.problem = "expected \"" + step.octets + "\", got \"" + server.unread + "\"";
    server.stream->close();
    co_return false;
  }
  server.unread.erase(0, step.octets.size());
  co_return true;
}

// Plays to the end of the script, then listens until the client hangs up. A client that leaves early is no
// error here: the test looks at what was received.
inline net::Task<void> play(std::shared_ptr<ScriptedServer> server) {
  try {
    for (const auto& step : server->steps) {
      const bool on = co_await play_step(*server, step);
      if (!on) co_return;
    }
    for (;;) {
      const bool more = co_await receive(*server);
      if (!more) break;
    }
    if (!server->mute && !server->unread.empty())
      server->problem = "not expected: \"" + server->unread + "\"";
  } catch (const base::Failed&) {
    // the client hung up in the middle of a write
  }
}

using Client = std::function<net::Task<void>(std::unique_ptr<net::Stream>)>;

// Runs the client against the script and gives back what the server saw.
inline net::Task<std::shared_ptr<ScriptedServer>> converse(std::vector<Step> steps, Client client) {
  const auto executor = co_await net::asio::this_coro::executor;
  auto [ours, theirs] = net::make_pipe(executor);
  auto server = std::make_shared<ScriptedServer>();
  server->stream = std::move(theirs);
  server->steps = std::move(steps);
  net::TaskGroup group(executor);
  group.spawn("server", play(server));
  std::exception_ptr error;
  try {
    co_await client(std::move(ours));
  } catch (...) {
    error = std::current_exception();
  }
  if (error) group.cancel();
  co_await group.join();
  server->stream.reset();  // its timers belong to this loop
  if (error) std::rethrow_exception(error);
  co_return server;
}

inline imap::Access test_access() {
  imap::Access access;
  access.store = "store";
  access.login = "mirror";
  access.password = base::SecretText("secret");
  access.endpoint.tls = net::TlsMode::none;
  access.connect_limit = std::chrono::milliseconds(300);
  access.command_limit = std::chrono::milliseconds(300);
  return access;
}

// "alice" NUL "mirror" NUL "secret"
inline constexpr const char* k_alice = "YWxpY2UAbWlycm9yAHNlY3JldA==";

// Greeting and login with the capabilities given; the next tag is M2.
inline std::vector<Step> logged_in(const std::string& caps, std::vector<Step> then) {
  std::vector<Step> steps{send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n"),
                          expect(std::string("M1 AUTHENTICATE PLAIN ") + k_alice + "\r\n"),
                          send("M1 OK [CAPABILITY IMAP4rev1 " + caps + "] in\r\n")};
  for (auto& step : then) steps.push_back(std::move(step));
  return steps;
}

}  // namespace mirror::test
