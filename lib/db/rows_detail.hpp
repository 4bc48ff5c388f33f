// SPDX-License-Identifier: Apache-2.0
#pragma once

// For lib/db alone: numbers and digests in and out of rows.

#include "base/provenance.hpp"
#include "base/uid_set.hpp"
#include "db/fence_detail.hpp"

namespace mirror::db {

template <class E>
std::int64_t num(E value) {
  return static_cast<std::int64_t>(base::raw(value));
}

inline void add_digest(ArrayText& array, const std::optional<base::Digest>& digest) {
  if (digest)
    array.add_octets(digest->data(), digest->size());
  else
    array.add_null();
}

inline std::optional<base::Digest> read_digest(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  const pqxx::binarystring octets(field);
  base::Digest digest{};
  if (octets.size() != digest.size()) return std::nullopt;
  std::copy(octets.begin(), octets.end(), digest.begin());
  return digest;
}

inline std::vector<std::uint8_t> read_octets(const pqxx::field& field) {
  if (field.is_null()) return {};
  const pqxx::binarystring value(field);
  return {value.begin(), value.end()};
}

// A text[].
inline std::vector<std::string> read_texts(const pqxx::field& field) {
  std::vector<std::string> out;
  auto parser = field.as_array();
  for (auto item = parser.get_next(); item.first != pqxx::array_parser::juncture::done;
       item = parser.get_next())
    if (item.first == pqxx::array_parser::juncture::string_value) out.push_back(item.second);
  return out;
}

// The members of a set as a text that "= any" of a lateral generate_series can use: two bigint arrays.
struct RangeArrays {
  std::string first, last;
};
inline RangeArrays range_arrays(const base::UidSet& set) {
  ArrayText first, last;
  for (const auto& [a, b] : set.ranges()) {
    first.add(static_cast<std::int64_t>(a));
    last.add(static_cast<std::int64_t>(b));
  }
  return {first.done(), last.done()};
}

}  // namespace mirror::db
