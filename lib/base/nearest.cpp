// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/settings.hpp"

namespace mirror::base {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// Optimal string alignment: insertions, deletions, changes and swaps of neighbours ("prot" is 1 from "port").
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before(right.size() + 1), row(right.size() + 1), last(right.size() + 1);
  for (std::size_t j = 0; j <= right.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const char a = lower(left[i - 1]);
      const char b = lower(right[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a == b ? 0u : 1u)});
      if (i > 1 && j > 1 && a == lower(right[j - 2]) && lower(left[i - 2]) == b)
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[right.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t k_longest = 128;  // a longer word is no misspelling, and the cost is quadratic
  if (word.empty() || word.size() > k_longest) return std::nullopt;
  std::optional<std::string> best;
  std::size_t best_distance = 0;
  for (const auto& candidate : known) {
    if (candidate.size() > k_longest) continue;
    const std::size_t near = std::max<std::size_t>(1, std::max(word.size(), candidate.size()) / 3);
    const std::size_t far = distance(word, candidate);
    if (far > near || far >= candidate.size()) continue;
    if (best && far >= best_distance) continue;
    best = candidate;
    best_distance = far;
  }
  return best;
}

}  // namespace mirror::base
