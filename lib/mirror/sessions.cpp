// SPDX-License-Identifier: Apache-2.0
#include "mirror/sessions.hpp"

#include <fmt/format.h>

namespace mirror::engine {

namespace {

// So many owners refused in a row, none let in between: it is the trusted login that is refused.
constexpr std::size_t k_refusals_of_store = 3;
constexpr std::size_t k_idle_limit = 512;

std::string key_of(const Store& store, const std::string& owner) {
  return fmt::format("{}/{}/{}", store.record.id, store.record.row_version, owner);
}

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

namespace {

// The connection ended without a verdict on the login.
bool is_closed(const base::Failure& failure) {
  return failure.code() == "MRD-NET-003" || failure.code() == "MRD-IMAP-002";
}

net::Task<base::Result<std::unique_ptr<imap::Session>>> open_or_refusal(imap::Access access,
                                                                        std::string owner,
                                                                        base::SecretText password) {
  try {
    co_return co_await imap::Session::open(std::move(access), std::move(owner), std::move(password));
  } catch (const base::Failed& failed) {
    if (!is_closed(failed.failure())) throw;
    co_return base::Result<std::unique_ptr<imap::Session>>(failed.failure());
  }
}

}  // namespace

Sessions::Sessions(db::Pool& pool, const StoreBook& book, const Settings& settings, const base::Clock& clock)
    : pool_(pool), book_(book), settings_(settings), clock_(clock) {}

// Some servers close the connection when the owner is unknown to them, without a word: while others get in,
// that is this mailbox's trouble. When nobody does, the store is away (it restarts), which is no refusal: it
// is asked again soon.
base::Failure Sessions::judge_refusal(const Store& store, const std::string& owner, base::Failure failure) {
  const bool closed = is_closed(failure);
  if (!closed && failure.code() != "MRD-IMAP-010" && failure.code() != "MRD-IMAP-011") return failure;
  auto& owners = refused_[store.record.id];
  owners.insert(owner);
  const bool of_store =
      store.access.method != imap::LoginMethod::own_password && owners.size() >= k_refusals_of_store;
  if (closed && of_store) return failure;
  return of_store ? base::Failure("MRD-IMAP-010", base::Scope::store, base::Retry::never,
                                  fmt::format("{}: {}", store.record.name, failure.detail()))
                  : base::Failure("MRD-IMAP-011", failure.detail());
}

net::Task<base::Result<std::unique_ptr<imap::Session>>> Sessions::open(std::shared_ptr<const Store> store,
                                                                       std::string owner,
                                                                       base::MailboxId mailbox) {
  co_return co_await open_for("watch.", std::move(store), std::move(owner), mailbox);
}

net::Task<base::Result<std::unique_ptr<imap::Session>>> Sessions::open_for(std::string purpose,
                                                                           std::shared_ptr<const Store> store,
                                                                           std::string owner,
                                                                           base::MailboxId mailbox) {
  using Opened = base::Result<std::unique_ptr<imap::Session>>;
  if (store->broken) co_return Opened(*store->broken);
  base::SecretText own_password;
  if (store->access.method == imap::LoginMethod::own_password) {
    const auto sealed = co_await db::load_mailbox_password(pool_, mailbox);
    auto opened = book_.open_password(mailbox, sealed);
    if (!opened) co_return Opened(opened.error());
    own_password = std::move(*opened);
  }
  imap::Access access = store->access;
  access.purpose = std::move(purpose);
  auto session = co_await open_or_refusal(std::move(access), owner, std::move(own_password));
  if (!session) co_return Opened(judge_refusal(*store, owner, session.error()));
  refused_[store->record.id].clear();
  for (const auto cap : store->profile.required)
    if (!(*session)->offers(cap))
      co_return Opened(
          base::Failure("MRD-IMAP-028", fmt::format("{} lacks {}", store->record.name, imap::to_text(cap))));
  co_return session;
}

net::Task<base::Result<Borrowed>> Sessions::borrow(base::StoreId id, std::string owner,
                                                   base::MailboxId mailbox) {
  const auto store = book_.store(id);
  if (!store) co_return base::Result<Borrowed>(base::Failure("MRD-CONF-004", fmt::format("store {}", id)));
  const std::string key = key_of(*store, owner);
  while (true) {
    const auto warm = idle_.find(key);
    if (warm == idle_.end()) break;
    auto session = std::move(warm->second.session);
    idle_.erase(warm);
    if (session->usable()) co_return Borrowed(this, key, std::move(session), store);
  }
  auto session = co_await open_for({}, store, owner, mailbox);
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
