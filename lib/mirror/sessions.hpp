// SPDX-License-Identifier: Apache-2.0
#pragma once

// Warm sessions: a worker borrows the connection that acts for a mailbox owner and gives it back for the next
// pass. Nothing is kept while the site is not mirroring.

#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/clock.hpp"
#include "imap/session.hpp"
#include "mirror/settings.hpp"
#include "mirror/stores.hpp"

namespace mirror::engine {

class Sessions;

// A borrowed session: given back on destruction when still usable, else dropped. Move only.
class Borrowed {
 public:
  Borrowed() = default;
  Borrowed(Sessions* owner, std::string key, std::unique_ptr<imap::Session> session,
           std::shared_ptr<const Store> store);
  Borrowed(Borrowed&&) noexcept;
  Borrowed& operator=(Borrowed&&) noexcept;
  ~Borrowed();

  imap::Session* operator->() const { return session_.get(); }
  imap::Session& operator*() const { return *session_; }
  const Store& store() const { return *store_; }
  void drop() noexcept;  // close now, never reuse: withheld octets must not leave

 private:
  void give_back() noexcept;
  Sessions* owner_ = nullptr;
  std::string key_;
  std::unique_ptr<imap::Session> session_;
  std::shared_ptr<const Store> store_;
  std::uint64_t in_before_ = 0, out_before_ = 0;
};

class Sessions {
 public:
  Sessions(db::Pool& pool, const StoreBook& book, const Settings& settings, const base::Clock& clock);

  // A session for owner on a store, warm or new. A login that is refused, or ended without a word, counts
  // against the mailbox while others get in (MRD-IMAP-011), against the store when nobody does (MRD-IMAP-010,
  // MRD-IMAP-035). An owner's own password that is refused (MRD-IMAP-037) or not set (MRD-IMAP-036) is the
  // mailbox's trouble always.
  net::Task<base::Result<Borrowed>> borrow(base::StoreId store, std::string owner);
  // A connection outside the pool, for watchers.
  net::Task<base::Result<std::unique_ptr<imap::Session>>> open(std::shared_ptr<const Store> store,
                                                               std::string owner);
  // Whether the store lets anybody in, asked with the mailbox compared last; nothing when it does, or when it
  // has no mailbox yet. What is refused counts for the store. last: not with this one while there is another.
  net::Task<std::optional<base::Failure>> probe(std::shared_ptr<const Store> store,
                                                base::MailboxId last = {});
  void close_idle(bool all) noexcept;  // those idle too long, or all

  // The next borrow for this owner opens a fresh connection: what a long-lived one sees may be stale.
  void forget(base::StoreId store, const std::string& owner);
  // A store known to be down or to refuse us is left alone by everybody but the prober.
  void set_down(base::StoreId store, bool down);
  bool is_down(base::StoreId store) const { return down_.contains(store); }
  // A pass reached it: true the first time since it was down, or since the start.
  bool set_up(base::StoreId store) { return up_.insert(store).second; }

  struct Traffic {
    std::uint64_t octets_in = 0, octets_out = 0, copied = 0;
  };
  void count_copied(base::StoreId target, std::uint64_t messages) {
    if (messages > 0) traffic_[target].copied += messages;
  }
  std::map<base::StoreId, Traffic> take_traffic();  // since the last call

 private:
  friend class Borrowed;
  // As the witness was answered, without a judgement.
  net::Task<std::optional<base::Failure>> probe_with(std::shared_ptr<const Store> store, base::MailboxId last,
                                                     std::size_t turn);
  net::Task<base::Result<std::unique_ptr<imap::Session>>> open_for(std::string purpose,
                                                                   std::shared_ptr<const Store> store,
                                                                   std::string owner);
  struct Idle {
    std::unique_ptr<imap::Session> session;
    std::shared_ptr<const Store> store;
    base::BootTime since;
  };
  std::string key_of(const Store& store, const std::string& owner) const;
  void keep(std::string key, std::unique_ptr<imap::Session> session,
            std::shared_ptr<const Store> store) noexcept;
  net::Task<base::Result<std::unique_ptr<imap::Session>>> log_in(std::string purpose,
                                                                 std::shared_ptr<const Store> store,
                                                                 std::string owner);
  net::Task<base::Result<base::SecretText>> own_password(std::shared_ptr<const Store> store,
                                                         std::string owner);
  net::Task<base::Failure> judge_refusal(std::shared_ptr<const Store> store, std::string owner,
                                         base::Failure failure);

  db::Pool& pool_;
  const StoreBook& book_;
  const Settings& settings_;
  const base::Clock& clock_;
  std::multimap<std::string, Idle> idle_;
  std::map<base::StoreId, std::set<std::string>> refused_;  // owners refused since the last login that worked
  std::map<base::StoreId, Traffic> traffic_;
  // The own password last used for an owner, as it is sealed, and until when it is not tried again.
  struct OwnLogin {
    std::vector<std::uint8_t> sealed;
    std::uint64_t turn = 0;  // of how many before it: a session is lent again only under the same one
    std::optional<base::BootTime> refused_until;
  };
  std::map<std::pair<base::StoreId, std::string>, OwnLogin> own_logins_;
  std::set<base::StoreId> down_, up_;
  std::map<base::StoreId, std::size_t> probe_turns_;  // whose turn it is to be the witness
};

}  // namespace mirror::engine
