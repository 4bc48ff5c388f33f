// SPDX-License-Identifier: Apache-2.0
#include "mirror/digests.hpp"

namespace mirror::engine {

namespace {

class DigestSink final : public imap::BodySink {
 public:
  std::map<base::Uid, BodyDigests> result;

  net::Task<void> begin(base::Uid uid, std::uint64_t length) override {
    uid_ = uid;
    length_ = length;
    canonical_ = {};
    co_return;
  }
  net::Task<void> chunk(std::string_view octets) override {
    exact_.update(octets);
    buffer_.clear();
    canonical_.feed(octets, buffer_);
    alike_.update(buffer_);
    co_return;
  }
  net::Task<void> end() override {
    result[uid_] = {exact_.finish(), alike_.finish(), length_};
    co_return;
  }
  net::Task<void> gone(base::Uid) override { co_return; }

 private:
  base::Uid uid_{};
  std::uint64_t length_ = 0;
  base::Sha256 exact_, alike_;
  Canonical canonical_;
  std::string buffer_;
};

}  // namespace

net::Task<std::map<base::Uid, BodyDigests>> read_digests(imap::Session& session, base::UidSet uids) {
  DigestSink sink;
  if (!uids.empty()) {
    const auto reply = co_await session.fetch_bodies(std::move(uids), sink);
    if (!reply.ok()) throw base::Failed(imap::failure_of(reply, "FETCH", session.selected()));
  }
  co_return std::move(sink.result);
}

}  // namespace mirror::engine
