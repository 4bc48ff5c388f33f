// SPDX-License-Identifier: Apache-2.0
#pragma once

// For lib/db alone: run a closure inside one transaction on a worker's connection and hand back its result.
// The closure is short, SQL only, captures by reference, and may run again after a serialisation failure.

#include <functional>
#include <optional>
#include <type_traits>

#include "db/pool.hpp"
#include "db/transaction_detail.hpp"

namespace mirror::db {

// durable: the COMMIT's answer means that it outlives the machine's power. relaxed: it may be lost with the
// last moments before a crash of PostgreSQL (never out of order); only for what recovery finds again by
// looking. What permits an effect on a store, and what takes a number from a sequence, is durable.
enum class Commit { durable, relaxed };

Task<void> run_transaction(Pool& pool, Commit commit, std::function<void(Transaction&)> work);

template <class F>
Task<std::invoke_result_t<F&, Transaction&>> transact(Pool& pool, Commit commit, F work) {
  using R = std::invoke_result_t<F&, Transaction&>;
  if constexpr (std::is_void_v<R>) {
    std::function<void(Transaction&)> closure = [&work](Transaction& tx) { work(tx); };
    co_await run_transaction(pool, commit, std::move(closure));
  } else {
    std::optional<R> result;
    std::function<void(Transaction&)> closure = [&](Transaction& tx) { result.emplace(work(tx)); };
    co_await run_transaction(pool, commit, std::move(closure));
    co_return std::move(*result);
  }
}

template <class F>
Task<std::invoke_result_t<F&, Transaction&>> transact(Pool& pool, F work) {
  return transact(pool, Commit::durable, std::move(work));
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
