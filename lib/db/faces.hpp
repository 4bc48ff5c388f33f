// SPDX-License-Identifier: Apache-2.0
#pragma once

// What every function for the faces (API, CLI) shares. Answers are JSON text made by PostgreSQL itself: one
// round trip, the column names are the field names. Times are RFC 3339 UTC with milliseconds, ids opaque
// strings, secrets never leave. Every change writes its audit row and wakes the engine (NOTIFY mirrord_wake)
// in its own transaction.

#include <cstdint>
#include <stdexcept>
#include <string>

#include "db/pool.hpp"

namespace mirror::db {

using Json = std::string;

// An expected refusal: the transaction was rolled back, nothing changed.
class Refused : public std::runtime_error {
 public:
  enum class Why { not_found, exists, stale, wrong_state, invalid };
  Refused(Why why, const std::string& detail) : std::runtime_error(detail), why_(why) {}
  Why why() const noexcept { return why_; }

 private:
  Why why_;
};

struct Actor {
  std::string who;  // "unix:root"
  std::string request_id;
};

// What a column of type text takes: UTF-8 without NUL. Pure.
bool is_text(std::string_view octets);
// A shell-like mask (* ? [abc] [!abc]) as an anchored PostgreSQL regular expression. Pure.
std::string mask_to_regex(std::string_view mask);

}  // namespace mirror::db
