// SPDX-License-Identifier: Apache-2.0
#pragma once

// For lib/db alone: run a closure inside one transaction on a worker's connection and hand back its result.
// The closure is short, SQL only, captures by reference, and may run again after a serialisation failure.

#include <functional>
#include <optional>
#include <pqxx/pqxx>
#include <type_traits>

#include "db/pool.hpp"

namespace mirror::db {

Task<void> run_transaction(Pool& pool, std::function<void(pqxx::work&)> work);

template <class F>
Task<std::invoke_result_t<F&, pqxx::work&>> transact(Pool& pool, F work) {
  using R = std::invoke_result_t<F&, pqxx::work&>;
  if constexpr (std::is_void_v<R>) {
    std::function<void(pqxx::work&)> closure = [&work](pqxx::work& tx) { work(tx); };
    co_await run_transaction(pool, std::move(closure));
  } else {
    std::optional<R> result;
    std::function<void(pqxx::work&)> closure = [&](pqxx::work& tx) { result.emplace(work(tx)); };
    co_await run_transaction(pool, std::move(closure));
    co_return std::move(*result);
  }
}

// Text as PostgreSQL can hold it: no NUL, valid UTF-8 (other octets become U+FFFD).
std::string clean_text(std::string_view text);

// Array literals for unnest(): pqxx 6 takes no containers.
class ArrayText {
 public:
  ArrayText() : text_("{") {}
  void add(std::int64_t number);
  void add(std::string_view text);  // quoted and escaped, cleaned
  void add_null();
  void add_octets(const std::uint8_t* data, std::size_t size);  // bytea in hex
  std::string done() const { return text_ + "}"; }

 private:
  void separate();
  std::string text_;
  bool first_ = true;
};

}  // namespace mirror::db
