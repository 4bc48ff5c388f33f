// SPDX-License-Identifier: Apache-2.0
// A server that says anything at all: the session ends each call with a value or with Failed, never
// otherwise.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>

#include "imap/session_detail.hpp"

namespace {

using namespace mirror;
using net::Task;

// Gives the input in reads of changing size, then the end of the stream; takes whatever is written.
class FuzzStream final : public net::Stream {
 public:
  explicit FuzzStream(std::string_view input) : input_(input) {}
  Task<std::size_t> read_some(std::span<char> into) override {
    if (closed_) throw base::Failed(base::Failure("MRD-NET-003", "closed"));
    step_ = step_ % 97 + 13;
    const std::size_t count = std::min({into.size(), input_.size(), step_});
    std::copy_n(input_.begin(), count, into.begin());
    input_.remove_prefix(count);
    co_return count;
  }
  Task<void> write(std::string_view) override {
    if (closed_) throw base::Failed(base::Failure("MRD-NET-003", "closed"));
    co_return;
  }
  Task<void> start_tls(const net::Endpoint&) override { co_return; }
  void close() noexcept override { closed_ = true; }
  const net::PeerInfo& peer() const noexcept override { return peer_; }
  std::uint64_t octets_in() const noexcept override { return 0; }
  std::uint64_t octets_out() const noexcept override { return 0; }

 private:
  std::string_view input_;
  std::size_t step_ = 0;
  bool closed_ = false;
  net::PeerInfo peer_;
};

// The contract a target relies on: begin, exactly length octets, end.
struct CheckingSink final : imap::BodySink {
  std::optional<std::uint64_t> left;
  Task<void> begin(imap::Uid, std::uint64_t length) override {
    if (left) std::abort();
    left = length;
    co_return;
  }
  Task<void> chunk(std::string_view octets) override {
    if (!left || octets.size() > *left) std::abort();
    *left -= octets.size();
    co_return;
  }
  Task<void> end() override {
    if (!left || *left != 0) std::abort();
    left.reset();
    co_return;
  }
  Task<void> gone(imap::Uid) override {
    if (left) std::abort();
    co_return;
  }
};

Task<void> append_one(imap::Session& session, bool multi) {
  auto stream = session.append("INBOX", 2, multi);
  for (int i = 0; i < 2; ++i) {
    const auto refused = co_await stream->begin(imap::FlagSet(), imap::InternalDate(), 3);
    if (refused) continue;
    co_await stream->octets("abc");
    co_await stream->release();
  }
  (void)co_await stream->finish();
}

Task<void> use(imap::Session& session) {
  const auto uids = *imap::UidSet::parse("1:9");
  CheckingSink sink;
  imap::FetchWhat what;
  what.date = what.size = what.message_id = what.file_names = true;
  (void)co_await session.list(true);
  (void)co_await session.select("INBOX", true,
                                imap::QresyncPoint{imap::UidValidity{1}, imap::ModSeq{1}, uids});
  (void)co_await session.fetch(uids, what, [](const auto&) {});
  (void)co_await session.fetch_bodies(uids, sink);
  (void)co_await session.expunge(uids);
  co_await append_one(session, true);
  co_await append_one(session, false);
  (void)co_await session.notify();
  (void)co_await session.idle_start();
  (void)co_await session.next_events(std::chrono::milliseconds(1));
  (void)co_await session.idle_stop();
  co_await session.logout();
}

Task<void> converse(std::string_view input) {
  imap::Access access;
  access.endpoint.tls = net::TlsMode::none;
  access.login = "m";
  access.method = input.size() % 5 == 0 ? imap::LoginMethod::scram_sha_256 : imap::LoginMethod::plain_authzid;
  try {
    auto session = co_await imap::open_on(std::move(access), std::make_unique<FuzzStream>(input), "a");
    if (session.has_value()) co_await use(**session);
  } catch (const base::Failed&) {
    // the one exception a session throws
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  boost::asio::io_context loop(1);
  std::exception_ptr error;
  boost::asio::co_spawn(loop, converse({reinterpret_cast<const char*>(data), size}),
                        [&error](const std::exception_ptr& e) { error = e; });
  loop.run();
  if (error) std::rethrow_exception(error);
  return 0;
}
