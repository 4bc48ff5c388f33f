// SPDX-License-Identifier: Apache-2.0
#pragma once

// Mailboxes, their history and the quarantine as the faces read them.

#include "db/faces.hpp"

namespace mirror::db {

struct MailboxQuery {
  std::string link;  // empty: every link
  std::string mask = "*";
  std::string status;         // empty: any
  std::string sort = "name";  // name, status, lag, messages, octets; "-" before it: descending
  int offset = 0;
  int limit = 200;
};

Task<Json> list_mailboxes(Pool& pool, MailboxQuery query);  // {"total": n, "items": [...]}
// link may be empty where the name is unique. With folders, pending work and quarantine counts.
Task<Json> show_mailbox(Pool& pool, std::string link, std::string name);
// Newest first; after: older than that id.
Task<Json> mailbox_history(Pool& pool, std::string link, std::string name, std::string after, int limit);

Task<Json> list_quarantine(Pool& pool, std::string mailbox, std::string code, int offset, int limit);
Task<Json> show_quarantine(Pool& pool, std::string id);
// Due now, and the mailbox dirty with a full compare. id "all": every row.
Task<Json> retry_quarantine(Pool& pool, std::string id, Actor actor);
// Forgets the row; the next pass that meets the same refusal writes a new one.
Task<Json> drop_quarantine(Pool& pool, std::string id, Actor actor);

}  // namespace mirror::db
