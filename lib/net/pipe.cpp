// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>

#include "net/cancelled.hpp"
#include "net/stream.hpp"

namespace mirror::net {
namespace {

// One direction.
struct Channel {
  explicit Channel(const asio::any_io_executor& executor) : changed(executor) {
    changed.expires_at(asio::steady_timer::time_point::max());
  }
  std::deque<char> octets;
  bool ended = false;          // no more will be written
  bool reader_gone = false;    // nobody will read
  asio::steady_timer changed;  // cancelled at every change
};

class PipeEnd final : public Stream {
 public:
  PipeEnd(std::shared_ptr<Channel> in, std::shared_ptr<Channel> out)
      : in_(std::move(in)), out_(std::move(out)) {
    peer_.address = "pipe";
  }
  ~PipeEnd() override { close(); }

  Task<std::size_t> read_some(std::span<char> into) override {
    const auto in = in_;
    const auto state = co_await asio::this_coro::cancellation_state;
    while (in->octets.empty() && !in->ended && !in->reader_gone) {
      co_await in->changed.async_wait(asio::as_tuple(asio::use_awaitable));
      if (state.cancelled() != asio::cancellation_type::none && in->octets.empty()) throw_cancelled();
    }
    if (in->reader_gone) throw base::Failed(base::Failure("MRD-NET-003", "closed on this side"));
    const auto count = std::min(into.size(), in->octets.size());
    const auto end = in->octets.begin() + static_cast<std::ptrdiff_t>(count);
    std::copy(in->octets.begin(), end, into.begin());
    in->octets.erase(in->octets.begin(), end);
    octets_in_ += count;
    co_return count;
  }

  Task<void> write(std::string_view octets) override {
    const auto out = out_;
    if (out->ended || out->reader_gone)
      throw base::Failed(base::Failure("MRD-NET-003", "the other end is closed"));
    out->octets.insert(out->octets.end(), octets.begin(), octets.end());
    octets_out_ += octets.size();
    out->changed.cancel();
    co_await asio::post(asio::use_awaitable);  // lets the other end run, as a real write would
  }

  Task<void> start_tls(const Endpoint&) override {
    peer_.protocol = "pipe";
    co_return;
  }

  void close() noexcept override {
    in_->reader_gone = true;
    out_->ended = true;
    in_->changed.cancel();
    out_->changed.cancel();
  }

  const PeerInfo& peer() const noexcept override { return peer_; }
  std::uint64_t octets_in() const noexcept override { return octets_in_; }
  std::uint64_t octets_out() const noexcept override { return octets_out_; }

 private:
  std::shared_ptr<Channel> in_, out_;
  PeerInfo peer_;
  std::uint64_t octets_in_ = 0, octets_out_ = 0;
};

}  // namespace

std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_pipe(asio::any_io_executor executor) {
  auto there = std::make_shared<Channel>(executor);
  auto back = std::make_shared<Channel>(executor);
  auto left = std::make_unique<PipeEnd>(back, there);
  auto right = std::make_unique<PipeEnd>(there, back);
  return {std::move(left), std::move(right)};
}

}  // namespace mirror::net
