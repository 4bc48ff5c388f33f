// SPDX-License-Identifier: Apache-2.0
#pragma once

// The whole configuration at once. Reading is one picture; applying is one transaction. What a document does
// not name is kept: stores, links and mailboxes carry provenance that no text file may drop by omission.

#include <map>
#include <optional>
#include <vector>

#include "base/secret.hpp"
#include "db/config_mailboxes.hpp"

namespace mirror::db {

struct ConfigRule {
  std::string action;  // include, exclude
  std::string mask;
};

// What to write, already compared with what is there (http/config_plan.hpp).
struct ConfigChanges {
  struct Object {
    std::string name;
    bool create = false;
    Json patch = "{}";
    std::string source, target;                    // links alone
    std::optional<std::vector<ConfigRule>> rules;  // links alone: replaces all rules
    std::vector<NewMailbox> mailboxes;             // links alone: added where missing
  };
  std::vector<Object> stores;
  std::vector<Object> links;
  std::vector<Object> directories;                              // by store
  std::vector<Object> directory_mirrors;                        // by link
  std::map<std::string, base::SecretText> passwords;            // by store
  std::map<std::string, base::SecretText> directory_passwords;  // by store
  std::map<std::string, Json> settings;
};

// {"stores": [... with "directory": {...} or null], "links": [... with "rules", "members": [{"name",
// "target_name"}] and "directory": {...} or null], "settings": {...}}; no secrets.
Task<Json> read_configuration(Pool& pool);
// sealer may be null when there are no passwords.
Task<void> apply_configuration(Pool& pool, ConfigChanges changes, const base::Sealer* sealer, Actor actor);

}  // namespace mirror::db
