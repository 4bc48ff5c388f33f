// SPDX-License-Identifier: Apache-2.0
#pragma once

// The stores and links as the engine uses them: rows of PostgreSQL with secrets opened and profiles read,
// kept until the configuration changes.

#include <map>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "db/records.hpp"
#include "imap/access.hpp"
#include "mirror/profile.hpp"
#include "net/rate_limit.hpp"

namespace mirror::engine {

struct Store {
  db::StoreRecord record;
  Profile profile;
  imap::Access access;                  // complete; observe is empty
  std::optional<base::Failure> broken;  // a profile that cannot be read, a secret that does not open
};

class StoreBook {
 public:
  StoreBook(db::Pool& pool, const base::Sealer* sealer, std::string profile_directory,
            const base::Clock& clock, std::chrono::milliseconds silence = std::chrono::minutes(1));
  // Reads everything anew; a store whose row did not change keeps its rate limits.
  net::Task<void> reload();
  std::shared_ptr<const Store> store(base::StoreId id) const;  // nullptr when unknown
  std::shared_ptr<const db::LinkRecord> link(base::LinkId id) const;
  std::vector<std::shared_ptr<const Store>> all() const;
  // The owner's own password, for stores that want one. A failure is that owner's alone.
  base::Result<base::SecretText> open_password(const Store& store, const std::string& owner,
                                               const std::vector<std::uint8_t>& sealed) const;
  std::uint64_t generation() const noexcept { return generation_; }

 private:
  std::shared_ptr<Store> make_store(const db::StoreRecord& record);

  db::Pool& pool_;
  const base::Sealer* sealer_;
  std::string profile_directory_;
  const base::Clock& clock_;
  std::chrono::milliseconds silence_;  // that ends a connection
  std::map<base::StoreId, std::shared_ptr<const Store>> stores_;
  std::map<base::LinkId, std::shared_ptr<const db::LinkRecord>> links_;
  std::map<base::StoreId, std::pair<std::unique_ptr<net::RateLimit>, std::unique_ptr<net::RateLimit>>>
      limits_;
  std::uint64_t generation_ = 0;
  std::string signature_;
};

}  // namespace mirror::engine
