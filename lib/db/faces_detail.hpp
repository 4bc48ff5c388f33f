// SPDX-License-Identifier: Apache-2.0
#pragma once

// For lib/db alone: the small words the functions for the faces are written in.

#include "base/failure.hpp"
#include "db/faces.hpp"
#include "db/transact_detail.hpp"

namespace mirror::db {

// Replaces @expression@ by that timestamp as RFC 3339 UTC with milliseconds (the pool's sessions run in UTC).
std::string with_times(std::string_view sql);

// The single value of a query as JSON text; "null" when there is no row.
template <class... Args>
Json json_of(Transaction& tx, std::string_view sql, const Args&... args) {
  const auto rows = tx.exec_params(with_times(sql), args...);
  return rows.empty() || rows[0][0].is_null() ? Json("null") : rows[0][0].template as<std::string>();
}
// The rows of a query as one JSON array.
template <class... Args>
Json array_of(Transaction& tx, std::string_view sql, const Args&... args) {
  return json_of(tx, "select coalesce(json_agg(t), '[]') from (" + std::string(sql) + ") t", args...);
}
// The first row of a query as a JSON object, or "null".
template <class... Args>
Json object_of(Transaction& tx, std::string_view sql, const Args&... args) {
  return json_of(tx, "select row_to_json(t) from (" + std::string(sql) + ") t limit 1", args...);
}

void wake(Transaction& tx, const char* what);
// A person's wish: these mailboxes are compared completely, before all else and whatever they wait for. Those
// that take no part are left alone.
void compare_soon(Transaction& tx, const std::vector<std::int64_t>& mailboxes, const char* cause);
void audit(Transaction& tx, const Actor& actor, const std::string& action, const std::string& object,
           const Json& detail, const std::string& reason);
void event(Transaction& tx, const std::string& type, const std::string& mailbox, const Actor& actor,
           const Json& data);

// Ids of named rows; Refused not_found names what is missing.
std::int64_t store_id(Transaction& tx, const std::string& name);
std::int64_t link_id(Transaction& tx, const std::string& name);
// The only link when name is empty; Refused invalid when there are several.
std::int64_t link_id_or_only(Transaction& tx, const std::string& name);
// link may be empty where the name is unique.
std::int64_t mailbox_id(Transaction& tx, const std::string& link, const std::string& name);

// An opaque id of the API as a number; Refused not_found for anything else.
std::int64_t parse_id(const std::string& id, const char* what);

}  // namespace mirror::db
