// SPDX-License-Identifier: Apache-2.0
#pragma once

// The directory (LDAP endpoint) of a store, and what a link does with the directories of its two stores. A
// patch is a JSON object of columns already checked by the caller (http/fields.hpp); unknown members are
// ignored here. A password is sealed in the same transaction, bound to the row ("directory/<store
// id>/password"), and is never readable again.

#include <optional>

#include "base/secret.hpp"
#include "db/faces.hpp"

namespace mirror::db {

Task<Json> show_directory(Pool& pool, std::string store);
// Creates what is not there, which needs host, port and base_dn (Refused invalid), else patches it.
// row_version: what the caller saw (If-Match): Refused stale when it moved on, not_found when there is none
// to change.
Task<Json> put_directory(Pool& pool, std::string store, Json patch, std::optional<std::int64_t> row_version,
                         Actor actor);
Task<void> remove_directory(Pool& pool, std::string store, std::optional<std::int64_t> row_version,
                            Actor actor);
Task<void> set_directory_password(Pool& pool, std::string store, const base::Sealer& sealer,
                                  base::SecretText password, Actor actor);

Task<Json> show_directory_mirror(Pool& pool, std::string link);
// The same; nothing is needed to create one. Other times are reckoned anew.
Task<Json> put_directory_mirror(Pool& pool, std::string link, Json patch,
                                std::optional<std::int64_t> row_version, Actor actor);
Task<void> remove_directory_mirror(Pool& pool, std::string link, std::optional<std::int64_t> row_version,
                                   Actor actor);

// "00:00" to "23:59". Pure.
bool is_time_of_day(std::string_view text);

}  // namespace mirror::db
