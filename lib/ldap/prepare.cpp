// SPDX-License-Identifier: Apache-2.0
#include "ldap/prepare_detail.hpp"

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "ldap/text_detail.hpp"

namespace mirror::ldap {
namespace {

using Points = std::vector<std::uint32_t>;

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// RFC 4518 2.2, what maps to nothing beyond ASCII. "FF00-FE0F" of its text is FE00-FE0F (erratum).
constexpr Range k_nothing[] = {
    {0x0080, 0x0084},   {0x0086, 0x009F},   {0x00AD, 0x00AD},   {0x034F, 0x034F}, {0x06DD, 0x06DD},
    {0x070F, 0x070F},   {0x1806, 0x1806},   {0x180B, 0x180E},   {0x200B, 0x200F}, {0x202A, 0x202E},
    {0x2060, 0x2063},   {0x206A, 0x206F},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFC},
    {0x1D173, 0x1D17A}, {0xE0001, 0xE0001}, {0xE0020, 0xE007F},
};
constexpr Range k_space[] = {
    {0x0085, 0x0085}, {0x00A0, 0x00A0}, {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
};
// 2.6.3; NFKC has already made the first one of the others.
constexpr std::uint32_t k_hyphens[] = {0x002D, 0x058A, 0x2010, 0x2212};

template <std::size_t N>
bool is_in(const Range (&ranges)[N], std::uint32_t point) {
  const auto* range =
      std::lower_bound(std::begin(ranges), std::end(ranges), point,
                       [](const Range& candidate, std::uint32_t value) { return candidate.last < value; });
  return range != std::end(ranges) && range->first <= point;
}

// The same for ASCII as a table: NUL stands for nothing.
constexpr std::array<char, 128> make_map(Letters letters) {
  std::array<char, 128> map{};
  for (std::size_t i = 0x20; i < 0x7F; ++i) {
    const auto c = static_cast<char>(i);
    map[i] = letters == Letters::folded ? to_lower(c) : c;
  }
  for (std::size_t i = 0x09; i <= 0x0D; ++i) map[i] = ' ';
  return map;
}
constexpr auto k_exact = make_map(Letters::exact);
constexpr auto k_folded = make_map(Letters::folded);

std::string prepare_ascii(std::string_view value, Letters letters, Spacing spacing) {
  const auto& map = letters == Letters::folded ? k_folded : k_exact;
  std::string out(std::max<std::size_t>(value.size(), 1), '\0');
  std::size_t size = 0;
  bool space = false;
  for (const char octet : value) {
    const char c = map[static_cast<unsigned char>(octet)];
    if (c == '\0') continue;
    if (spacing == Spacing::telephone) {
      if (c != ' ' && c != '-') out[size++] = c;
    } else if (c == ' ') {
      space = size > 0;
    } else {
      if (space) out[size++] = ' ';
      space = false;
      out[size++] = c;
    }
  }
  // All spaces, or nothing at all: RFC 4518 2.6.1 gives both one form.
  if (size == 0 && spacing == Spacing::squeezed) out[size++] = ' ';
  out.resize(size);
  return out;
}

// What libunistring returns is allocated by malloc.
template <typename Unit, typename Call>
std::vector<Unit> taken(Call call) {
  std::size_t length = 0;
  const std::unique_ptr<Unit, decltype(&std::free)> units(call(&length), &std::free);
  if (!units) throw std::bad_alloc();  // the text was checked before: there is no other reason
  return {units.get(), units.get() + length};
}

Points mapped(Points points) {
  const auto kept = std::remove_if(points.begin(), points.end(), [](std::uint32_t point) {
    return point < 0x80 ? k_exact[point] == '\0' : is_in(k_nothing, point);
  });
  points.erase(kept, points.end());
  for (auto& point : points) {
    if (point < 0x80 ? k_exact[point] == ' ' : is_in(k_space, point)) point = ' ';
  }
  return points;
}

// RFC 4518 2.2 folds so that one sign may become two (U+00DF and "ss"). Servers go letter by letter and keep
// those apart: whoever took them for equal would leave one unmirrored.
Points normalized(const Points& points, Letters letters) {
  if (points.empty()) return points;
  auto out = taken<std::uint32_t>([&](std::size_t* length) {
    return u32_normalize(UNINORM_NFKC, points.data(), points.size(), nullptr, length);
  });
  if (letters == Letters::folded)
    for (auto& point : out) point = uc_tolower(point);
  return out;
}

// A space or hyphen that carries a combining mark is a character like any other (2.6).
Points spaced(const Points& points, Spacing spacing) {
  Points out;
  out.reserve(points.size() + 1);
  bool space = false;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const bool hyphen =
        spacing == Spacing::telephone && std::ranges::find(k_hyphens, points[i]) != std::end(k_hyphens);
    const bool bare = i + 1 == points.size() || !uc_is_general_category(points[i + 1], UC_CATEGORY_M);
    if (bare && hyphen) continue;
    if (bare && points[i] == ' ') {
      space = spacing == Spacing::squeezed && !out.empty();
      continue;
    }
    if (space) out.push_back(' ');
    space = false;
    out.push_back(points[i]);
  }
  if (out.empty() && spacing == Spacing::squeezed) out.push_back(' ');
  return out;
}

}  // namespace

bool is_ascii(std::string_view value) noexcept {
  std::uint64_t all = 0;
  std::size_t at = 0;
  for (; at + sizeof all <= value.size(); at += sizeof all) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, value.data() + at, sizeof eight);
    all |= eight;
  }
  for (; at < value.size(); ++at) all |= static_cast<unsigned char>(value[at]);
  return (all & 0x8080808080808080u) == 0;
}

std::optional<std::string> prepare(std::string_view value, Letters letters, Spacing spacing) {
  // Nearly every value, and without a call into libunistring: NFKC leaves ASCII as it is.
  if (is_ascii(value)) return prepare_ascii(value, letters, spacing);
  const auto* octets = reinterpret_cast<const std::uint8_t*>(value.data());
  if (u8_check(octets, value.size()) != nullptr) return std::nullopt;
  Points points = taken<std::uint32_t>(
      [&](std::size_t* length) { return u8_to_u32(octets, value.size(), nullptr, length); });
  points = spaced(normalized(mapped(std::move(points)), letters), spacing);
  if (points.empty()) return std::string();
  const auto out = taken<std::uint8_t>(
      [&](std::size_t* length) { return u32_to_u8(points.data(), points.size(), nullptr, length); });
  return std::string(out.begin(), out.end());
}

}  // namespace mirror::ldap
