// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <latch>

#include "base/digest.hpp"
#include "net/stream.hpp"
#include "net/task_group.hpp"
#include "net/timeout.hpp"
#include "peer.hpp"
#include "support/run.hpp"

using namespace mirror;
using namespace mirror::net;
using namespace std::chrono_literals;
using test::Authority;
using test::Identity;
using test::Peer;
using test::Wire;
using test::Wish;

namespace {

const Authority& authority() {
  static const Authority the_authority("test authority");
  return the_authority;
}

Identity issue(std::vector<std::string> names, long to = 3600) {
  Wish wish;
  wish.alternative_names = std::move(names);
  wish.valid_to_seconds = to;
  if (to < 0) wish.valid_from_seconds = to - 3600;
  return authority().issue(wish);
}

Endpoint tls(std::uint16_t port, std::string host = "localhost") {
  Endpoint endpoint;
  endpoint.host = std::move(host);
  endpoint.port = port;
  endpoint.tls_settings.ca_pem = authority().pem();
  return endpoint;
}

Task<std::string> read_all(Stream* stream) {
  std::string out;
  std::array<char, 1000> part;
  while (const auto got = co_await stream->read_some(part)) out.append(part.data(), got);
  co_return out;
}

Task<std::pair<std::string, PeerInfo>> talk(Endpoint endpoint) {
  const auto stream = co_await connect(std::move(endpoint), 10s);
  co_await stream->write("hello");
  auto answer = co_await read_all(stream.get());
  co_return std::pair(std::move(answer), stream->peer());
}

// What a client that speaks to such a server gets: "ok", or the code and the words.
std::string outcome(const Identity& identity, const std::function<void(Endpoint&)>& adapt,
                    const std::string& client_ca = {}, int version = 0) {
  Peer peer([&](Wire& wire) {
    if (wire.accept_tls(identity, client_ca, version) && wire.read_exactly(5) == "hello") wire.write("world");
  });
  auto endpoint = tls(peer.port());
  adapt(endpoint);
  try {
    return test::run(talk(endpoint)).first == "world" ? "ok" : "other";
  } catch (const base::Failed& caught) {
    return caught.what();
  }
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a server with a good chain and name is taken and described") {
  const auto identity = issue({"DNS:localhost"});
  std::string name;
  Peer peer([&](Wire& wire) {
    if (!wire.accept_tls(identity)) return;
    name = wire.server_name();
    wire.read_exactly(5);
    wire.write("world");
    wire.close_notify();
  });
  const auto [answer, info] = test::run(talk(tls(peer.port())));
  CHECK(answer == "world");
  CHECK(name == "localhost");
  CHECK(info.protocol == "TLSv1.3");
  CHECK_FALSE(info.cipher.empty());
  CHECK(info.subject == "CN=localhost");
  CHECK(info.fingerprint_sha256 == identity.fingerprint);
  CHECK(std::abs(info.not_after_unix - (std::time(nullptr) + 3600)) < 300);
}

TEST_CASE("a second connection resumes the session of the first, and another peer's is not taken") {
  const auto identity = issue({"DNS:localhost"});
  const auto serve = [&](Wire& wire) {
    if (wire.accept_tls(identity) && wire.read_exactly(5) == "hello") wire.write("world");
  };
  Peer peer(serve, 4);
  const auto first = test::run(talk(tls(peer.port()))).second;
  CHECK_FALSE(first.resumed);
  const auto second = test::run(talk(tls(peer.port()))).second;
  CHECK(second.resumed);
  CHECK(second.fingerprint_sha256 == identity.fingerprint);
  // Other settings trust otherwise: nothing that was verified under these counts there.
  auto pinned = tls(peer.port());
  pinned.tls_settings.pin_sha256 = identity.fingerprint;
  CHECK_FALSE(test::run(talk(pinned)).second.resumed);
  auto named = tls(peer.port());
  named.host = "127.0.0.1";
  named.tls_settings.server_name = "localhost";
  CHECK_FALSE(test::run(talk(named)).second.resumed);
}

TEST_CASE("the end without a farewell is an end") {
  CHECK(outcome(issue({"DNS:localhost"}), [](Endpoint&) {}) == "ok");
}

TEST_CASE("the CA may be a file, and a missing one is named") {
  const test::Folder folder;
  const auto file = folder.write("ca.pem", authority().pem());
  const auto identity = issue({"DNS:localhost"});
  CHECK(outcome(identity, [&](Endpoint& endpoint) {
          endpoint.tls_settings.ca_pem.clear();
          endpoint.tls_settings.ca_file = file;
        }) == "ok");
  const auto missing =
      outcome(identity, [&](Endpoint& endpoint) { endpoint.tls_settings.ca_file = file + "x"; });
  CHECK(has(missing, "MRD-NET-005"));
  CHECK(has(missing, file + "x"));
  CHECK(has(outcome(identity, [&](Endpoint& endpoint) { endpoint.tls_settings.ca_pem = "no PEM"; }),
            "MRD-NET-005"));
}

TEST_CASE("a server of another CA is refused") {
  const Authority other("other authority");
  const auto identity = issue({"DNS:localhost"});
  const auto refused =
      outcome(identity, [&](Endpoint& endpoint) { endpoint.tls_settings.ca_pem = other.pem(); });
  CHECK(has(refused, "MRD-NET-005"));
  CHECK(has(refused, identity.fingerprint));
  // The system's authorities do not know it either.
  CHECK(has(outcome(identity, [](Endpoint& endpoint) { endpoint.tls_settings.ca_pem.clear(); }),
            "MRD-NET-005"));
}

TEST_CASE("a certificate for another name is refused, and server_name overrules the host") {
  const auto identity = issue({"DNS:mail.example.org"});
  CHECK(has(outcome(identity, [](Endpoint&) {}), "MRD-NET-005"));
  const auto named = [](Endpoint& endpoint) { endpoint.tls_settings.server_name = "mail.example.org"; };
  CHECK(outcome(identity, named) == "ok");
}

TEST_CASE("an address is compared with the addresses of the certificate") {
  const auto by_address = [](Endpoint& endpoint) { endpoint.host = "127.0.0.1"; };
  CHECK(outcome(issue({"IP:127.0.0.1"}), by_address) == "ok");
  CHECK(has(outcome(issue({"DNS:localhost"}), by_address), "MRD-NET-005"));
  CHECK(has(outcome(issue({"IP:127.0.0.2"}), by_address), "MRD-NET-005"));
}

TEST_CASE("an expired certificate is refused with the reason") {
  const auto refused = outcome(issue({"DNS:localhost"}, -60), [](Endpoint&) {});
  CHECK(has(refused, "MRD-NET-005"));
  CHECK(has(refused, "expired"));
}

TEST_CASE("a pin decides alone") {
  const Authority unknown("unknown authority");
  Wish wish;
  wish.alternative_names = {"DNS:elsewhere"};
  wish.valid_from_seconds = -7200;
  wish.valid_to_seconds = -3600;
  const auto identity = unknown.issue(wish);  // unknown, for another name and expired
  CHECK(outcome(identity, [&](Endpoint& endpoint) {
          endpoint.tls_settings.pin_sha256 = identity.fingerprint;
        }) == "ok");
  std::string upper;
  for (std::size_t i = 0; i < identity.fingerprint.size(); i += 2) {
    if (i > 0) upper += ':';
    for (const char c : identity.fingerprint.substr(i, 2)) upper += static_cast<char>(std::toupper(c));
  }
  CHECK(outcome(identity, [&](Endpoint& endpoint) { endpoint.tls_settings.pin_sha256 = upper; }) == "ok");
}

TEST_CASE("a good certificate with another pin is refused") {
  const auto identity = issue({"DNS:localhost"});
  const auto refused =
      outcome(identity, [](Endpoint& endpoint) { endpoint.tls_settings.pin_sha256 = std::string(64, '0'); });
  CHECK(has(refused, "MRD-NET-005"));
  CHECK(has(refused, "pinned"));
  CHECK(has(outcome(identity, [](Endpoint& endpoint) { endpoint.tls_settings.pin_sha256 = "abc"; }),
            "MRD-NET-005"));
}

TEST_CASE("a pin is looked at although verification is off") {
  CHECK(has(outcome(issue({"DNS:localhost"}),
                    [](Endpoint& endpoint) {
                      endpoint.tls_settings.verify = false;
                      endpoint.tls_settings.pin_sha256 = std::string(64, '0');
                    }),
            "MRD-NET-005"));
}

TEST_CASE("verification can be turned off by name only") {
  const auto identity = issue({"DNS:elsewhere"}, -60);
  CHECK(outcome(identity, [](Endpoint& endpoint) { endpoint.tls_settings.verify = false; }) == "ok");
}

TEST_CASE("a client certificate is shown to the server that asks for it") {
  const auto identity = issue({"DNS:localhost"});
  Wish wish;
  wish.subject = "mirror";
  wish.alternative_names.clear();
  const auto client = authority().issue(wish);
  const test::Folder folder;
  const auto certificate = folder.write("client.pem", client.certificate_pem);
  const auto key = folder.write("client.key", client.key_pem);
  const auto both = folder.write("both.pem", client.certificate_pem + client.key_pem);
  CHECK(outcome(
            identity,
            [&](Endpoint& endpoint) {
              endpoint.tls_settings.certificate_file = certificate;
              endpoint.tls_settings.key_file = key;
            },
            authority().pem()) == "ok");
  CHECK(outcome(
            identity, [&](Endpoint& endpoint) { endpoint.tls_settings.certificate_file = both; },
            authority().pem()) == "ok");
  const auto without = outcome(identity, [](Endpoint&) {}, authority().pem());
  CHECK((has(without, "MRD-NET-006") || has(without, "MRD-NET-003")));  // the alert may lose to the reset
  CHECK(has(outcome(identity, [&](Endpoint& endpoint) { endpoint.tls_settings.certificate_file = key; }),
            "MRD-NET-006"));
}

TEST_CASE("TLS 1.2 is spoken and TLS 1.1 is not") {
  const auto identity = issue({"DNS:localhost"});
  CHECK(outcome(identity, [](Endpoint&) {}, {}, TLS1_2_VERSION) == "ok");
  CHECK(has(outcome(identity, [](Endpoint&) {}, {}, TLS1_1_VERSION), "MRD-NET-006"));
}

TEST_CASE("a server that speaks no TLS is said to be so") {
  Peer plain([](Wire& wire) {
    wire.write("* OK IMAP4rev1 ready\r\n");
    wire.read();
  });
  CHECK_THROWS_WITH(test::run(talk(tls(plain.port()))), Catch::Contains("MRD-NET-006"));
  Peer closing([](Wire& wire) { wire.read(); });
  CHECK_THROWS_WITH(test::run(talk(tls(closing.port()))), Catch::Contains("MRD-NET-006"));
}

namespace {

Task<void> only_connect(Endpoint endpoint, Millis limit) {
  co_await connect(std::move(endpoint), limit);
}

}  // namespace

TEST_CASE("a server that accepts and never answers is a time-out") {
  Peer mute([](Wire& wire) {
    while (!wire.read().empty()) {
    }
  });
  CHECK_THROWS_WITH(test::run(only_connect(tls(mute.port()), 200ms)), Catch::Contains("MRD-NET-002"));
}

namespace {

Task<std::string> upgrade(Endpoint endpoint) {
  const auto stream = co_await connect(endpoint, 10s);
  std::array<char, 100> part;
  if (co_await stream->read_some(part) != 5) throw std::logic_error("greeting");
  if (!stream->peer().protocol.empty()) throw std::logic_error("TLS too early");
  co_await stream->write("STARTTLS");
  if (co_await stream->read_some(part) != 2) throw std::logic_error("answer");
  co_await stream->start_tls(endpoint);
  co_await stream->write("hello");
  auto answer = co_await read_all(stream.get());
  if (stream->octets_out() != 13 || stream->octets_in() != 12) throw std::logic_error("counts");
  co_return answer + " " + stream->peer().protocol;
}

}  // namespace

TEST_CASE("STARTTLS upgrades the connection in place") {
  const auto identity = issue({"DNS:localhost"});
  Peer peer([&](Wire& wire) {
    wire.write("* OK\n");
    wire.read_exactly(8);
    wire.write("OK");
    if (wire.accept_tls(identity) && wire.read_exactly(5) == "hello") wire.write("world");
  });
  auto endpoint = tls(peer.port());
  endpoint.tls = TlsMode::starttls;
  CHECK(test::run(upgrade(endpoint)) == "world TLSv1.3");
}

namespace {

Task<void> write_much(Stream* stream, const std::string* much) {
  co_await stream->write(*much);
}

Task<base::Digest> echo(Endpoint endpoint, const std::string* much) {
  const auto stream = co_await connect(std::move(endpoint), 10s);
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("writer", write_much(stream.get(), much));
  base::Sha256 hash;
  std::vector<char> part(16384);
  for (std::size_t total = 0; total < much->size();) {
    const auto got = co_await stream->read_some(part);
    if (got == 0) throw std::logic_error("ended early");
    hash.update({part.data(), got});
    total += got;
  }
  co_await group.join();
  co_return hash.finish();
}

}  // namespace

TEST_CASE("much goes both ways at once unharmed") {
  const auto identity = issue({"DNS:localhost"});
  std::string much(24 << 20, '\0');
  std::uint32_t state = 1;
  for (auto& c : much) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  Peer peer([&](Wire& wire) {
    if (!wire.accept_tls(identity, {}, version)) return;
    for (auto part = wire.read(); !part.empty() && wire.write(part);) part = wire.read();
  });
  CHECK(test::run(echo(tls(peer.port()), &much), 120s) == base::sha256(much));
}

namespace {

Task<void> read_twice(Endpoint endpoint, std::latch* go) {
  const auto stream = co_await connect(std::move(endpoint), 10s);
  std::array<char, 10> part;
  bool timed_out = false;
  try {
    co_await with_timeout(stream->read_some(part), 50ms, "read");
  } catch (const base::Failed&) {
    timed_out = true;
  }
  if (!timed_out) throw std::logic_error("no time-out");
  go->count_down();
  if (co_await stream->read_some(part) != 5) throw std::logic_error("octets lost");
}

}  // namespace

TEST_CASE("a cancelled TLS read takes nothing and the stream goes on") {
  const auto identity = issue({"DNS:localhost"});
  std::latch go(1);
  Peer peer([&](Wire& wire) {
    if (!wire.accept_tls(identity)) return;
    go.wait();
    wire.write("hello");
    wire.read();
  });
  test::run(read_twice(tls(peer.port()), &go));
}
