// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "net/cancelled.hpp"
#include "net/socket_detail.hpp"
#include "net/tls_detail.hpp"

namespace mirror::net::detail {
namespace {

using asio::ip::tcp;
using base::Failed;
using base::Failure;
using boost::system::error_code;

// Plain text per turn of the writer: bounds the ciphertext held at a time.
constexpr std::size_t k_write_slice = std::size_t{64} << 10;
// Reads that need no wait are served without the loop; after so many the others get their turn.
constexpr unsigned k_turns = 16;

std::string address_text(const tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  return fmt::format(fmt::runtime(address.is_v6() ? "[{}]:{}" : "{}:{}"), address.to_string(),
                     endpoint.port());
}

// Ciphertext is read into one buffer for all streams and handed on before the loop turns, and a stream that
// waits holds none: waiting is for readiness.
std::span<char> scratch() {
  thread_local std::array<char, 16 * 1024 + 512> octets;  // a TLS record and its header
  return octets;
}

class SocketStream final : public Stream {
 public:
  explicit SocketStream(tcp::socket socket) : socket_(std::move(socket)) {
    error_code ignored;
    peer_.address = address_text(socket_.remote_endpoint(ignored));
    socket_.non_blocking(true, ignored);
  }

  Task<std::size_t> read_some(std::span<char> into) override {
    for (;;) {
      if (tls_) {
        if (const auto done = tls_->read(into)) co_return counted(*done);
      }
      const auto got = co_await receive(tls_ ? scratch() : into);
      if (got == 0 || !tls_) co_return counted(got);
      tls_->feed({scratch().data(), got});
    }
  }

  Task<void> write(std::string_view octets) override {
    octets_out_ += octets.size();
    if (!tls_) {
      co_await send(octets);
      co_return;
    }
    while (!octets.empty()) {
      tls_->write(octets.substr(0, k_write_slice));
      octets.remove_prefix(std::min(octets.size(), k_write_slice));
      co_await flush();
    }
  }

  Task<void> start_tls(const Endpoint& endpoint) override {
    auto engine = std::make_unique<TlsEngine>(endpoint);
    tls_ = std::move(engine);
    while (!advance_handshake()) {
      co_await flush();
      const auto got = co_await receive(scratch());
      if (got == 0)
        throw Failed(Failure("MRD-NET-006", fmt::format("{}: closed during the handshake", peer_.address)));
      tls_->feed({scratch().data(), got});
    }
    co_await flush();
    tls_->describe(peer_);
  }

  void close() noexcept override {
    closed_ = true;
    error_code ignored;
    socket_.close(ignored);
  }

  const PeerInfo& peer() const noexcept override { return peer_; }
  std::uint64_t octets_in() const noexcept override { return octets_in_; }
  std::uint64_t octets_out() const noexcept override { return octets_out_; }

 private:
  std::size_t counted(std::size_t octets) {
    octets_in_ += octets;
    return octets;
  }

  bool advance_handshake() {
    try {
      return tls_->handshake();
    } catch (const Failed&) {
      // Tell the server why, as far as it goes without waiting.
      error_code ignored;
      socket_.write_some(asio::buffer(tls_->take_output()), ignored);
      throw;
    }
  }

  // At least one octet, 0 at the end. A cancelled wait has taken nothing from the socket.
  Task<std::size_t> receive(std::span<char> into) {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (++turns_ >= k_turns) {
      turns_ = 0;
      co_await asio::post(asio::use_awaitable);
    }
    for (;;) {
      error_code error;
      const auto got = socket_.read_some(asio::buffer(into.data(), into.size()), error);
      if (!error) co_return got;
      if (error == asio::error::eof) co_return 0;
      if (error == asio::error::would_block) {
        turns_ = 0;
        if (tls_) tls_->release();
        std::tie(error) =
            co_await socket_.async_wait(tcp::socket::wait_read, asio::as_tuple(asio::use_awaitable));
        if (!error) continue;
      }
      if (error != asio::error::interrupted) lost(error, state);
    }
  }

  Task<void> send(std::string_view octets) {
    const auto state = co_await asio::this_coro::cancellation_state;
    const auto [error, done] = co_await asio::async_write(socket_, asio::buffer(octets.data(), octets.size()),
                                                          asio::as_tuple(asio::use_awaitable));
    if (error) lost(error, state);
  }

  // Only writers flush: what a read makes (an answered key update) leaves before the next plain octets.
  Task<void> flush() {
    while (tls_->has_output()) {
      const auto ciphertext = tls_->take_output();
      co_await send(ciphertext);
    }
  }

  [[noreturn]] void lost(const error_code& error, const asio::cancellation_state& state) {
    if (state.cancelled() != asio::cancellation_type::none) throw_cancelled();
    const auto words = closed_ ? std::string("closed on this side") : error.message();
    throw Failed(Failure("MRD-NET-003", fmt::format("{}: {}", peer_.address, words)));
  }

  tcp::socket socket_;
  std::unique_ptr<TlsEngine> tls_;
  PeerInfo peer_;
  std::uint64_t octets_in_ = 0, octets_out_ = 0;
  unsigned turns_ = 0;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<Stream> make_socket_stream(tcp::socket socket) {
  return std::make_unique<SocketStream>(std::move(socket));
}

}  // namespace mirror::net::detail
