// SPDX-License-Identifier: Apache-2.0
#include "mirror/sessions.hpp"

#include <fmt/format.h>

namespace mirror::engine {

namespace {

constexpr std::size_t k_idle_limit = 512;

}  // namespace

Borrowed::Borrowed(Sessions* owner, std::string key, std::unique_ptr<imap::Session> session,
                   std::shared_ptr<const Store> store)
    : owner_(owner),
      key_(std::move(key)),
      session_(std::move(session)),
      store_(std::move(store)),
      in_before_(session_->octets_in()),
      out_before_(session_->octets_out()) {}

Borrowed::Borrowed(Borrowed&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)),
      key_(std::move(other.key_)),
      session_(std::move(other.session_)),
      store_(std::move(other.store_)),
      in_before_(other.in_before_),
      out_before_(other.out_before_) {}

Borrowed& Borrowed::operator=(Borrowed&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  owner_ = std::exchange(other.owner_, nullptr);
  key_ = std::move(other.key_);
  session_ = std::move(other.session_);
  store_ = std::move(other.store_);
  in_before_ = other.in_before_;
  out_before_ = other.out_before_;
  return *this;
}

Borrowed::~Borrowed() {
  give_back();
}

void Borrowed::drop() noexcept {
  if (session_) session_->close();
}

void Borrowed::give_back() noexcept {
  if (!session_) return;
  auto& traffic = owner_->traffic_[store_->record.id];
  traffic.octets_in += session_->octets_in() - in_before_;
  traffic.octets_out += session_->octets_out() - out_before_;
  if (session_->usable()) owner_->keep(std::move(key_), std::move(session_), std::move(store_));
  session_.reset();
}

Sessions::Sessions(db::Pool& pool, const StoreBook& book, const Settings& settings, const base::Clock& clock)
    : pool_(pool), book_(book), settings_(settings), clock_(clock) {}

std::string Sessions::key_of(const Store& store, const std::string& owner) const {
  const auto own = own_logins_.find({store.record.id, owner});
  return fmt::format("{}/{}/{}/{}", store.record.id, store.record.row_version,
                     own == own_logins_.end() ? 0 : own->second.turn, owner);
}

net::Task<base::Result<Borrowed>> Sessions::borrow(base::StoreId id, std::string owner) {
  const auto store = book_.store(id);
  if (!store) co_return base::Result<Borrowed>(base::Failure("MRD-CONF-004", fmt::format("store {}", id)));
  if (store->access.method == imap::LoginMethod::own_password) {
    const auto known = co_await own_password(store, owner);
    if (!known) co_return base::Result<Borrowed>(known.error());
  }
  const std::string key = key_of(*store, owner);
  while (true) {
    const auto warm = idle_.find(key);
    if (warm == idle_.end()) break;
    auto session = std::move(warm->second.session);
    idle_.erase(warm);
    if (session->usable()) co_return Borrowed(this, key, std::move(session), store);
  }
  auto session = co_await open_for({}, store, owner);
  if (!session) co_return base::Result<Borrowed>(session.error());
  co_return Borrowed(this, key, std::move(*session), store);
}

void Sessions::keep(std::string key, std::unique_ptr<imap::Session> session,
                    std::shared_ptr<const Store> store) noexcept {
  if (idle_.size() >= k_idle_limit) close_idle(false);
  if (idle_.size() >= k_idle_limit) return;  // too many: this one is closed
  idle_.emplace(std::move(key), Idle{std::move(session), std::move(store), clock_.now()});
}

void Sessions::close_idle(bool all) noexcept {
  const auto now = clock_.now();
  std::erase_if(idle_, [&](auto& entry) {
    const bool old = all || now - entry.second.since > settings_.idle_session;
    if (old) entry.second.session->close();
    return old;
  });
}

void Sessions::forget(base::StoreId id, const std::string& owner) {
  const auto store = book_.store(id);
  if (!store) return;
  const auto [first, last] = idle_.equal_range(key_of(*store, owner));
  for (auto at = first; at != last; ++at) at->second.session->close();
  idle_.erase(first, last);
}

void Sessions::set_down(base::StoreId store, bool down) {
  if (down) {
    down_.insert(store);
    up_.erase(store);
  } else {
    down_.erase(store);
  }
}

std::map<base::StoreId, Sessions::Traffic> Sessions::take_traffic() {
  return std::exchange(traffic_, {});
}

}  // namespace mirror::engine
