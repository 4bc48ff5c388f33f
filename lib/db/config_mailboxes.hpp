// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which mailboxes a link has and which of them take part. The rules of a link are masks in order: the last
// one that matches decides, no match means included. link may be empty where there is only one.

#include <vector>

#include "db/faces.hpp"

namespace mirror::db {

struct NewMailbox {
  std::string name;
  std::string target_name;  // empty: the same name
};

// {"added": n, "present": n}. A mailbox that exists with another target name, or whose target name is taken,
// is Refused exists and nothing is added.
Task<Json> add_mailboxes(Pool& pool, std::string link, std::vector<NewMailbox> mailboxes, std::string origin,
                         Actor actor);
// {"changed": n, "matching": n, "participating": n}
Task<Json> set_participation(Pool& pool, std::string link, std::string action, std::string mask, Actor actor);
Task<Json> remove_rule(Pool& pool, std::string link, std::string mask, Actor actor);

}  // namespace mirror::db
