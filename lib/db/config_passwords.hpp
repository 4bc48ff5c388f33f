// SPDX-License-Identifier: Apache-2.0
#pragma once

// The passwords of mailbox owners, for stores with the login method own_password. A mailbox is named as
// everywhere, by its owner on the source; what is sealed belongs to its owner on the store in question, on
// either side of a link. Sealed in the transaction that keeps them, never readable again. Where the store
// asks for them now, the mailboxes are tried at once.

#include <vector>

#include "base/secret.hpp"
#include "db/faces.hpp"

namespace mirror::db {

struct NewPassword {
  std::string mailbox;
  base::SecretText password;
};

struct PasswordsSet {
  std::int64_t set = 0;
  bool used = false;  // the store's login method is own_password
  struct Wrong {
    std::size_t index = 0;  // which of the passwords given
    Refused::Why why = Refused::Why::not_found;
    std::string text;
  };
  std::vector<Wrong> wrong;  // when there is any, nothing was set
};

// link: only its mailboxes; empty: every link of the store.
struct PasswordPlace {
  std::string store;
  std::string link;
};
// action: the audit row's, "mailbox.credential" or "mailbox.credential.import".
Task<PasswordsSet> set_mailbox_passwords(Pool& pool, PasswordPlace place, std::vector<NewPassword> passwords,
                                         const base::Sealer& sealer, std::string action, Actor actor);
// No password there: nothing to do.
Task<void> clear_mailbox_password(Pool& pool, PasswordPlace place, std::string mailbox, Actor actor);

}  // namespace mirror::db
