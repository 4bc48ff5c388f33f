// SPDX-License-Identifier: Apache-2.0
#pragma once

// Stores and links as an administrator edits them. A patch is a JSON object of columns already checked by the
// caller (http/fields.hpp); unknown members are ignored here. Passwords are sealed in the same transaction,
// bound to the row ("store/<id>/password"), and are never readable again.

#include <optional>

#include "base/secret.hpp"
#include "db/faces.hpp"

namespace mirror::db {

Task<Json> list_stores(Pool& pool);
Task<Json> show_store(Pool& pool, std::string name);
Task<Json> add_store(Pool& pool, std::string name, Json patch, Actor actor);
// row_version: what the caller saw (If-Match); Refused stale when it moved on; nullopt: whatever it is.
Task<Json> edit_store(Pool& pool, std::string name, Json patch, std::optional<std::int64_t> row_version,
                      Actor actor);
Task<void> remove_store(Pool& pool, std::string name, std::optional<std::int64_t> row_version, Actor actor);
Task<void> set_store_password(Pool& pool, std::string name, const base::Sealer& sealer,
                              base::SecretText password, Actor actor);

Task<Json> list_links(Pool& pool);
Task<Json> show_link(Pool& pool, std::string name);
Task<Json> add_link(Pool& pool, std::string name, std::string source, std::string target, Json patch,
                    Actor actor);
Task<Json> edit_link(Pool& pool, std::string name, Json patch, std::optional<std::int64_t> row_version,
                     Actor actor);

}  // namespace mirror::db
