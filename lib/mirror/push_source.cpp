// SPDX-License-Identifier: Apache-2.0
#include "mirror/push_source.hpp"

#include <algorithm>

#include "base/fault.hpp"
#include "base/log.hpp"
#include "base/scram_crypto.hpp"
#include "mirror/plan/folder_names.hpp"

namespace mirror::engine {

namespace {

namespace log = base::log;

constexpr Millis k_counts{1000};
constexpr Millis k_users_age{1000};  // a user nobody knows is looked up again after this
constexpr std::size_t k_most_pending =
    200'000;  // users waiting for the database; beyond it the service starts anew

// Dovecot writes user names in lower case unless told otherwise.
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool names_greetings(const Store& store, const StoreEvent& event) {
  for (const auto& mask : store.profile.greeting_folders)
    for (const auto& folder : event.folders)
      if (plan::glob_match(mask, folder)) return true;
  return false;
}

}  // namespace

void StoreEvents::take(const Store& store, StoreEvent event) {
  const auto id = store.record.id;
  // Our own logins, made for every look, would drown those of people.
  if (event.kind == "login" && !event.login.empty() && event.login == store.record.login)
    event.kind = "other";
  if (event.impact && event.kind != "folder" && names_greetings(store, event)) event.kind = "greeting";
  ++counts_[{id, event.kind, event.impact}];
  const Key key{id, lower(event.user)};
  if (store.profile.watch == "push") heard_.insert(key);
  if (!event.impact || event.user.empty()) return;
  auto& users = dirty_[event.kind];
  if (users.size() >= k_most_pending) throw std::runtime_error("too many events wait for the database");
  users.insert(key);
  wake_.signal();
}

Task<void> StoreEvents::load_users() {
  const auto watched = co_await db::load_watched(world_.pool);
  users_.clear();
  for (const auto& mailbox : watched) users_[{mailbox.source, lower(mailbox.name)}].push_back(mailbox.id);
  users_at_ = world_.clock.now();
}

Task<void> StoreEvents::mark_gap(base::StoreId store) {
  co_await load_users();
  std::vector<base::MailboxId> all;
  for (const auto& [key, mailboxes] : users_)
    if (key.first == store) all.insert(all.end(), mailboxes.begin(), mailboxes.end());
  ++counts_[{store, "gap", true}];
  if (all.empty()) co_return;
  co_await db::mark_dirty(world_.pool, std::move(all), "gap", db::WorkClass::live, false, Millis(0));
}

Task<void> StoreEvents::flush_dirty() {
  const auto dirty = std::exchange(dirty_, {});
  if (dirty.empty()) co_return;
  const auto known = [&] {
    for (const auto& [kind, keys] : dirty)
      for (const auto& key : keys)
        if (!users_.contains(key)) return false;
    return true;
  };
  if (!known() && world_.clock.now() - users_at_ > k_users_age) co_await load_users();
  for (const auto& [kind, keys] : dirty) {
    std::vector<base::MailboxId> ids;
    for (const auto& key : keys) {
      const auto found = users_.find(key);  // others take part in no link: no work
      if (found != users_.end()) ids.insert(ids.end(), found->second.begin(), found->second.end());
    }
    if (ids.empty()) continue;
    co_await db::mark_dirty(world_.pool, std::move(ids), kind, db::WorkClass::live, false,
                            world_.settings.coalesce);
  }
}

Task<void> StoreEvents::flush_counts() {
  const auto counted = std::exchange(counts_, {});
  const auto heard = std::exchange(heard_, {});
  std::vector<db::StoreEventCount> counts;
  for (const auto& [key, n] : counted)
    counts.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), n});
  co_await db::count_store_events(world_.pool, std::move(counts));
  std::vector<base::MailboxId> ids;
  for (const auto& key : heard) {
    const auto found = users_.find(key);
    if (found != users_.end()) ids.insert(ids.end(), found->second.begin(), found->second.end());
  }
  co_await db::heard(world_.pool, std::move(ids), "push");
}

Task<void> StoreEvents::flush() {
  co_await flush_dirty();
  co_await flush_counts();
}

Task<void> StoreEvents::run() {
  auto counted = world_.clock.now();
  for (;;) {
    base::fault_throw("push");
    co_await wake_.wait(k_counts);
    co_await flush_dirty();
    if (world_.clock.now() - counted < k_counts) continue;
    counted = world_.clock.now();
    co_await flush_counts();
  }
}

PushSource::PushSource(World& world, base::SecretText token, net::asio::any_io_executor executor)
    : world_(world), token_(std::move(token)), events_(world, std::move(executor)) {}

int PushSource::take(std::string_view path, std::string_view body) {
  constexpr std::string_view k_lead = "/push/";
  if (!path.starts_with(k_lead)) return 404;
  path.remove_prefix(k_lead.size());
  const auto slash = path.find('/');
  if (slash == std::string_view::npos) return 404;
  if (token_.empty() || !base::equal_in_constant_time(path.substr(slash + 1), token_.reveal())) return 403;
  const auto stores = world_.book.all();
  const auto store = std::find_if(stores.begin(), stores.end(),
                                  [&](const auto& s) { return s->record.name == path.substr(0, slash); });
  if (store == stores.end()) return 404;
  auto event = parse_exported_event(body);
  if (!event) return 400;
  events_.take(**store, std::move(*event));
  return 204;
}

Task<void> PushSource::run() {
  for (const auto& store : world_.book.all())
    if (store->profile.watch == "push") co_await events_.mark_gap(store->record.id);
  co_await events_.run();
}

}  // namespace mirror::engine
