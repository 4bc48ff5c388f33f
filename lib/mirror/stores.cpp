// SPDX-License-Identifier: Apache-2.0
#include "mirror/stores.hpp"

#include <fmt/format.h>

#include "mirror/endpoint.hpp"

namespace mirror::engine {

namespace {

imap::LoginMethod login_method(const std::string& name) {
  if (name == "master_user") return imap::LoginMethod::master_user;
  if (name == "own_password") return imap::LoginMethod::own_password;
  if (name == "external") return imap::LoginMethod::external;
  if (name == "scram_sha_256") return imap::LoginMethod::scram_sha_256;
  return imap::LoginMethod::plain_authzid;
}

}  // namespace

StoreBook::StoreBook(db::Pool& pool, const base::Sealer* sealer, std::string profile_directory,
                     const base::Clock& clock, std::chrono::milliseconds silence)
    : pool_(pool),
      sealer_(sealer),
      profile_directory_(std::move(profile_directory)),
      clock_(clock),
      silence_(silence) {}

std::shared_ptr<Store> StoreBook::make_store(const db::StoreRecord& record) {
  auto store = std::make_shared<Store>();
  store->record = record;
  auto profile = load_profile(profile_directory_, record.profile);
  if (profile)
    store->profile = std::move(*profile);
  else
    store->broken = profile.error();
  auto& access = store->access;
  access.store = record.name;
  access.endpoint = endpoint_of(record);
  access.method = login_method(record.login_method);
  access.login = record.login;
  access.master_separator = record.master_separator.front();
  access.hidden = store->profile.hidden;
  access.command_limit = silence_;
  if (!record.password_sealed.empty()) {
    if (sealer_ == nullptr) {
      store->broken = base::Failure("MRD-BASE-003", "no key is configured");
    } else {
      auto opened = sealer_->open(record.password_sealed, fmt::format("store/{}/password", record.id));
      if (opened)
        access.password = std::move(*opened);
      else
        store->broken = opened.error();
    }
  }
  auto& limits = limits_[record.id];
  const auto rate = static_cast<std::uint64_t>(record.octets_per_second);
  if (!limits.first) {
    limits.first = std::make_unique<net::RateLimit>(clock_, rate);
    limits.second = std::make_unique<net::RateLimit>(clock_, rate);
  }
  limits.first->set(rate);
  limits.second->set(rate);
  access.limit_in = limits.first.get();
  access.limit_out = limits.second.get();
  return store;
}

net::Task<void> StoreBook::reload() {
  const auto stores = co_await db::load_stores(pool_);
  const auto links = co_await db::load_links(pool_);
  stores_.clear();
  links_.clear();
  for (const auto& record : stores) stores_[record.id] = make_store(record);
  for (const auto& record : links) links_[record.id] = std::make_shared<db::LinkRecord>(record);
  // Watchers start anew when the generation moves: only a real change may move it.
  std::string signature;
  for (const auto& record : stores) signature += fmt::format("{}:{} ", record.id, record.row_version);
  for (const auto& record : links)
    signature += fmt::format("{}:{}:{}/{} ", record.id, record.source, record.target, record.paused_reason);
  if (signature != signature_) ++generation_;
  signature_ = std::move(signature);
}

std::shared_ptr<const Store> StoreBook::store(base::StoreId id) const {
  const auto found = stores_.find(id);
  return found == stores_.end() ? nullptr : found->second;
}

std::shared_ptr<const db::LinkRecord> StoreBook::link(base::LinkId id) const {
  const auto found = links_.find(id);
  return found == links_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const Store>> StoreBook::all() const {
  std::vector<std::shared_ptr<const Store>> out;
  for (const auto& [id, store] : stores_) out.push_back(store);
  return out;
}

base::Result<base::SecretText> StoreBook::open_password(const Store& store, const std::string& owner,
                                                        const std::vector<std::uint8_t>& sealed) const {
  const auto detail = fmt::format("{} on {}", owner, store.record.name);
  if (sealed.empty()) return base::Failure("MRD-IMAP-036", detail);
  if (sealer_ == nullptr) return base::Failure("MRD-BASE-003", "no key is configured");
  auto opened = sealer_->open(sealed, db::password_context(store.record.id, owner));
  if (opened) return opened;
  return base::Failure(opened.error().code(), base::Scope::mailbox, base::Retry::later, detail);
}

}  // namespace mirror::engine
