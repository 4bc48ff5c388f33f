// SPDX-License-Identifier: Apache-2.0
#pragma once

// For lib/db alone: the edits of configuration inside a transaction of the caller, so that a whole document
// is applied in one.

#include <optional>

#include "base/secret.hpp"
#include "db/faces_detail.hpp"

namespace mirror::db {

extern const char* const k_store_view;
extern const char* const k_link_view;
extern const char* const k_directory_view;
extern const char* const k_directory_mirror_view;

void insert_store(Transaction& tx, const std::string& name, const Json& patch);
void update_store(Transaction& tx, const std::string& name, const Json& patch,
                  std::optional<std::int64_t> row_version);
void seal_store_password(Transaction& tx, const std::string& name, const base::Sealer& sealer,
                         const base::SecretText& password);
void insert_link(Transaction& tx, const std::string& name, const std::string& source,
                 const std::string& target, const Json& patch);
void update_link(Transaction& tx, const std::string& name, const Json& patch,
                 std::optional<std::int64_t> row_version);

// Create what is not there, else patch it; with a row_version only patch (config_directory.hpp).
void write_directory(Transaction& tx, const std::string& store, const Json& patch,
                     std::optional<std::int64_t> row_version);
void seal_directory_password(Transaction& tx, const std::string& store, const base::Sealer& sealer,
                             const base::SecretText& password);
void write_directory_mirror(Transaction& tx, const std::string& link, const Json& patch,
                            std::optional<std::int64_t> row_version);

// Adds one mailbox; false when the link already has it with the same target name.
bool insert_mailbox(Transaction& tx, std::int64_t link, const std::string& name,
                    const std::string& target_name, const std::string& origin);
void put_rule(Transaction& tx, std::int64_t link, const std::string& action, const std::string& mask,
              const Actor& actor);
// Participation of every mailbox of the link by its rules; returns how many changed.
std::int64_t recompute_participation(Transaction& tx, std::int64_t link);

}  // namespace mirror::db
