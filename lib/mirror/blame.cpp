// SPDX-License-Identifier: Apache-2.0
#include "mirror/blame.hpp"

#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

// Those whose trouble it may be. The words begin with the store's name; where they do not, it is both's.
std::vector<base::StoreId> blamed(World& world, const db::WorkItem& item, const Failure& failure) {
  std::vector<base::StoreId> all{item.source_store, item.target_store}, named;
  for (const auto id : all) {
    const auto store = world.book.store(id);
    if (store && imap::names_store(failure, store->record.name)) named.push_back(id);
  }
  return named.empty() ? all : named;
}

// Nobody gets as far as to say anything: asking once more would tell nothing new.
bool is_of_the_line(const Failure& failure) {
  const auto code = failure.code();
  return code == "MRD-NET-001" || code == "MRD-NET-004" || code == "MRD-NET-005" || code == "MRD-NET-006" ||
         code == "MRD-IMAP-009" || code == "MRD-IMAP-035";
}

// Whether it does so within a part of the lease, which nobody renews meanwhile.
Task<bool> lets_in(World& world, std::shared_ptr<const Store> store, base::MailboxId last) {
  const auto limit = std::chrono::duration_cast<Millis>(world.settings.lease) / 4;
  try {
    const auto refusal =
        co_await net::with_timeout(world.sessions.probe(store, last), limit, store->record.name + " probe");
    co_return !refusal;
  } catch (const base::Failed& failed) {
    if (failed.failure().code() != "MRD-NET-002") throw;
    co_return false;
  }
}

}  // namespace

bool ends_session(const Failure& failure) {
  const auto code = failure.code();
  return code == "MRD-NET-002" || code == "MRD-NET-003" || code == "MRD-IMAP-001" || code == "MRD-IMAP-002" ||
         code == "MRD-IMAP-005" || code == "MRD-IMAP-006";
}

Seconds asked_pause(const Failure& failure) {
  constexpr Seconds k_longest = std::chrono::hours(24);
  if (!failure.code().starts_with("MRD-IMAP-")) return Seconds(0);
  // Behind the command and its object, which may be a folder that an owner gave such a name.
  const std::string_view words = failure.detail();
  const auto no = words.rfind(": NO "), bad = words.rfind(": BAD ");
  const auto said = no == words.npos ? bad : bad == words.npos ? no : std::max(no, bad);
  const bool of_bye = failure.code() == "MRD-IMAP-002" || failure.code() == "MRD-IMAP-019";
  if (said == words.npos && !of_bye) return Seconds(0);
  const auto asked = imap::suggested_backoff(said == words.npos ? words : words.substr(said));
  return asked ? std::min(std::chrono::ceil<Seconds>(*asked), k_longest) : Seconds(0);
}

Seconds probe_pause(const Settings& settings, const Failure& failure) {
  const bool refused = failure.retry() == base::Retry::never;
  return std::max(refused ? settings.probe_refused : settings.probe_first, asked_pause(failure));
}

Task<Trouble> whose_trouble(World& world, const db::WorkItem& item, Failure failure) {
  Trouble trouble{failure, {}};
  if (failure.scope() != base::Scope::store) co_return trouble;
  const auto maybe = blamed(world, item, failure);
  for (const auto id : maybe) {
    const auto store = world.book.store(id);
    const bool asked = store && failure.retry() == base::Retry::later && !is_of_the_line(failure) &&
                       !world.sessions.is_down(id);
    if (!asked || !co_await lets_in(world, store, item.mailbox)) trouble.stores.push_back(id);
  }
  if (trouble.stores.empty())
    trouble.failure = Failure(failure.code(), base::Scope::mailbox, base::Retry::later, failure.detail());
  co_return trouble;
}

}  // namespace mirror::engine
