// SPDX-License-Identifier: Apache-2.0
#pragma once

// Strong types for the numbers that must never be mixed up. Plain values: compare with ==, <; read with
// raw().

#include <fmt/format.h>

#include <cstdint>
#include <type_traits>

namespace mirror::base {

// RFC 9051 section 2.3.1.1. A Uid is never 0 where one is stored; 0 means "none".
enum class Uid : std::uint32_t {};
enum class UidValidity : std::uint32_t {};
// RFC 7162: 63 bits; 0 means "the server keeps none for this folder".
enum class ModSeq : std::uint64_t {};

// Row identities in PostgreSQL (bigint).
enum class StoreId : std::int64_t {};
enum class LinkId : std::int64_t {};
enum class MailboxId : std::int64_t {};
enum class FolderId : std::int64_t {};
enum class IntentId : std::int64_t {};
enum class RunId : std::int64_t {};
enum class EventId : std::int64_t {};
// Fences one writer per target mailbox (law 7); grows with every lease.
enum class Epoch : std::int64_t {};
// A dirty row's generation, from one sequence, never reused (law 4).
enum class Generation : std::int64_t {};

template <class E>
  requires std::is_enum_v<E>
constexpr auto raw(E value) noexcept {
  return static_cast<std::underlying_type_t<E>>(value);
}

template <class E>
concept Id = std::is_same_v<E, Uid> || std::is_same_v<E, UidValidity> || std::is_same_v<E, ModSeq> ||
             std::is_same_v<E, StoreId> || std::is_same_v<E, LinkId> || std::is_same_v<E, MailboxId> ||
             std::is_same_v<E, FolderId> || std::is_same_v<E, IntentId> || std::is_same_v<E, RunId> ||
             std::is_same_v<E, EventId> || std::is_same_v<E, Epoch> || std::is_same_v<E, Generation>;

}  // namespace mirror::base

template <mirror::base::Id E>
struct fmt::formatter<E> : fmt::formatter<std::underlying_type_t<E>> {
  auto format(E value, fmt::format_context& context) const {
    return fmt::formatter<std::underlying_type_t<E>>::format(mirror::base::raw(value), context);
  }
};
