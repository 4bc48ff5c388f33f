// SPDX-License-Identifier: Apache-2.0
// How a session comes to be, and whose trouble it is when it does not: the mailbox's or the store's.

#include <fmt/format.h>

#include "mirror/sessions.hpp"

namespace mirror::engine {

namespace {

using Opened = base::Result<std::unique_ptr<imap::Session>>;

constexpr std::size_t k_witnesses = 3;

// So many owners refused in a row, none let in between: a witness is asked whether it is the store's trouble.
constexpr std::size_t k_refusals_of_store = 3;

constexpr std::string_view k_own_missing = "MRD-IMAP-036", k_own_refused = "MRD-IMAP-037";

// The connection ended without a verdict on the login.
bool is_closed(const base::Failure& failure) {
  return failure.code() == "MRD-NET-003" || failure.code() == "MRD-IMAP-002";
}

// Another owner may be let in all the same.
bool may_be_his_own(const base::Failure& failure) {
  const auto code = failure.code();
  return is_closed(failure) || code == "MRD-IMAP-011" || code == "MRD-IMAP-019" || code == "MRD-IMAP-029" ||
         code == "MRD-IMAP-032";
}

bool is_refused(const base::Failure& failure) {
  return failure.code() == "MRD-IMAP-010" || failure.code() == "MRD-IMAP-011";
}

net::Task<Opened> open_or_refusal(imap::Access access, std::string owner, base::SecretText password) {
  const std::string store = access.store;
  try {
    auto session = co_await imap::Session::open(std::move(access), std::move(owner), std::move(password));
    if (!session) co_return Opened(imap::with_store(session.error(), store));
    co_return session;
  } catch (const base::Failed& failed) {
    const auto failure = imap::with_store(failed.failure(), store);
    if (!is_closed(failure)) throw base::Failed(failure);
    co_return Opened(failure);
  }
}

// The words name the store: who reads them must know which one to leave alone.
base::Failure of_the_store(const Store& store, const base::Failure& failure) {
  const auto detail = imap::with_store(failure, store.record.name).detail();
  return is_closed(failure) ? base::Failure("MRD-IMAP-035", detail)
                            : base::Failure("MRD-IMAP-010", base::Scope::store, base::Retry::never, detail);
}

bool has_own_passwords(const Store& store) {
  return store.access.method == imap::LoginMethod::own_password;
}

}  // namespace

// As it is set now. Another one than before has been refused by nobody yet.
net::Task<base::Result<base::SecretText>> Sessions::own_password(std::shared_ptr<const Store> store,
                                                                 std::string owner) {
  using Password = base::Result<base::SecretText>;
  auto sealed = co_await db::load_owner_password(pool_, store->record.id, owner);
  auto& known = own_logins_[{store->record.id, owner}];
  if (known.sealed != sealed) known = {std::move(sealed), known.turn + 1, std::nullopt};
  if (known.refused_until && clock_.now() < *known.refused_until)
    co_return Password(base::Failure(
        k_own_refused,
        fmt::format("{} on {}: refused before, and not tried yet again", owner, store->record.name)));
  co_return book_.open_password(*store, owner, known.sealed);
}

net::Task<Opened> Sessions::log_in(std::string purpose, std::shared_ptr<const Store> store,
                                   std::string owner) {
  if (store->broken) co_return Opened(imap::with_store(*store->broken, store->record.name));
  base::SecretText password;
  if (has_own_passwords(*store)) {
    auto own = co_await own_password(store, owner);
    if (!own) co_return Opened(own.error());
    password = std::move(*own);
  }
  imap::Access access = store->access;
  access.purpose = std::move(purpose);
  const auto key = std::pair(store->record.id, owner);
  const auto turn = has_own_passwords(*store) ? own_logins_[key].turn : 0;
  auto session = co_await open_or_refusal(std::move(access), owner, std::move(password));
  if (!session && session.error().code() == k_own_refused)
    if (auto& tried = own_logins_[key]; tried.turn == turn)
      tried.refused_until = clock_.now() + settings_.probe_refused;
  if (!session) co_return session;
  refused_[store->record.id].clear();
  for (const auto cap : store->profile.required)
    if (!(*session)->offers(cap))
      co_return Opened(
          base::Failure("MRD-IMAP-028", fmt::format("{} lacks {}", store->record.name, imap::to_text(cap))));
  co_return session;
}

// A witness that is refused may be disabled itself: the next question is another one's. A password that may
// be wrong is tried with one at a time, so that the account is not locked.
net::Task<std::optional<base::Failure>> Sessions::probe(std::shared_ptr<const Store> store,
                                                        base::MailboxId last) {
  auto& turn = probe_turns_[store->record.id];
  std::optional<base::Failure> failure;
  for (std::size_t asked = 0; asked < k_witnesses; ++asked) {
    const auto now = turn++;
    failure = co_await probe_with(store, last, now);
    if (!failure) turn = now;  // let in: the first to be asked the next time
    if (!failure || !may_be_his_own(*failure)) break;
  }
  if (failure && (is_closed(*failure) || is_refused(*failure))) co_return of_the_store(*store, *failure);
  co_return failure;
}

net::Task<std::optional<base::Failure>> Sessions::probe_with(std::shared_ptr<const Store> store,
                                                             base::MailboxId last, std::size_t turn) {
  const auto witness = co_await db::probe_mailbox(pool_, store->record.id, last, turn % k_witnesses);
  if (!witness) co_return std::nullopt;
  // What an owner's own password was told before says nothing of the store now.
  if (has_own_passwords(*store)) own_logins_[{store->record.id, witness->owner}].refused_until.reset();
  try {
    auto session = co_await log_in("probe.", store, witness->owner);
    if (session) {
      co_await (*session)->logout();
      co_return std::nullopt;
    }
    // A server that judges a password is there, and one owner's says nothing of the others'.
    if (session.error().code() == k_own_refused || session.error().code() == k_own_missing)
      co_return std::nullopt;
    co_return session.error();
  } catch (const base::Failed& failed) {
    co_return failed.failure();
  }
}

// Some servers close the connection when the owner is unknown to them, without a word. While others get in, a
// refusal, said or unsaid, is that mailbox's trouble. When nobody does, it is the store's: the trusted login
// is refused, or the store restarts, which is no refusal and is asked again soon.
net::Task<base::Failure> Sessions::judge_refusal(std::shared_ptr<const Store> store, std::string owner,
                                                 base::Failure failure) {
  if (!is_closed(failure) && !is_refused(failure)) co_return failure;
  const base::Failure of_mailbox("MRD-IMAP-011", failure.detail());
  // With passwords of their own, refused owners say nothing about each other.
  if (is_refused(failure) && has_own_passwords(*store)) co_return of_mailbox;
  auto& owners = refused_[store->record.id];
  owners.insert(std::move(owner));
  if (owners.size() < k_refusals_of_store) co_return of_mailbox;
  // Mailboxes that will never get in may be all that tries: one that did lately is the witness.
  if (!is_down(store->record.id) && !co_await probe(store)) co_return of_mailbox;
  co_return of_the_store(*store, failure);
}

net::Task<Opened> Sessions::open(std::shared_ptr<const Store> store, std::string owner) {
  co_return co_await open_for("watch.", std::move(store), std::move(owner));
}

net::Task<Opened> Sessions::open_for(std::string purpose, std::shared_ptr<const Store> store,
                                     std::string owner) {
  auto session = co_await log_in(std::move(purpose), store, owner);
  if (session) co_return session;
  co_return Opened(co_await judge_refusal(store, std::move(owner), session.error()));
}

}  // namespace mirror::engine
