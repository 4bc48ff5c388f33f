// SPDX-License-Identifier: Apache-2.0
#include "base/uid_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace mirror::base {
namespace {

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value == 0) return std::nullopt;
  return value;
}

std::string range_text(const UidSet::Range& range) {
  return range.first == range.second ? fmt::to_string(range.first)
                                     : fmt::format("{}:{}", range.first, range.second);
}

}  // namespace

UidSet UidSet::of(const std::vector<Uid>& uids) {
  std::vector<Uid> sorted = uids;
  std::sort(sorted.begin(), sorted.end());
  UidSet out;
  for (const Uid uid : sorted) out.add(uid);  // at the end each time: linear
  return out;
}

UidSet UidSet::range(Uid first, Uid last) {
  UidSet out;
  out.add(first, last);
  return out;
}

std::optional<UidSet> UidSet::parse(std::string_view text) {
  std::vector<Range> ranges;
  for (;;) {
    const auto comma = text.find(',');
    const auto item = text.substr(0, comma);
    const auto colon = item.find(':');
    const auto first = number(item.substr(0, colon));
    const auto last = colon == std::string_view::npos ? first : number(item.substr(colon + 1));
    if (!first || !last) return std::nullopt;
    ranges.emplace_back(std::min(*first, *last), std::max(*first, *last));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  std::sort(ranges.begin(), ranges.end());
  UidSet out;
  for (const auto& [first, last] : ranges) out.add(Uid{first}, Uid{last});
  return out;
}

void UidSet::add(Uid first_uid, Uid last_uid) {
  auto first = std::max<std::uint32_t>(raw(std::min(first_uid, last_uid)), 1);
  auto last = raw(std::max(first_uid, last_uid));
  if (last == 0) return;
  // All ranges that overlap or touch the new one melt into it.
  const auto from = std::lower_bound(
      ranges_.begin(), ranges_.end(), first,
      [](const Range& have, std::uint32_t value) { return std::uint64_t{have.second} + 1 < value; });
  auto to = from;
  for (; to != ranges_.end() && to->first <= std::uint64_t{last} + 1; ++to) {
    first = std::min(first, to->first);
    last = std::max(last, to->second);
  }
  if (from == to) {
    ranges_.emplace(from, first, last);
    return;
  }
  *from = {first, last};
  ranges_.erase(from + 1, to);
}

bool UidSet::contains(Uid uid) const {
  const auto at =
      std::lower_bound(ranges_.begin(), ranges_.end(), raw(uid),
                       [](const Range& have, std::uint32_t value) { return have.second < value; });
  return at != ranges_.end() && at->first <= raw(uid);
}

std::uint64_t UidSet::count() const {
  std::uint64_t total = 0;
  for (const auto& [first, last] : ranges_) total += std::uint64_t{last} - first + 1;
  return total;
}

std::optional<std::vector<Uid>> UidSet::expand(std::size_t limit) const {
  const auto total = count();
  if (total > limit) return std::nullopt;
  std::vector<Uid> out;
  out.reserve(static_cast<std::size_t>(total));
  for (const auto& [first, last] : ranges_)
    for (std::uint64_t uid = first; uid <= last; ++uid) out.push_back(Uid{static_cast<std::uint32_t>(uid)});
  return out;
}

std::string UidSet::text() const {
  std::string out;
  for (const auto& range : ranges_) {
    if (!out.empty()) out += ',';
    out += range_text(range);
  }
  return out;
}

std::vector<std::string> UidSet::texts(std::size_t max_octets) const {
  std::vector<std::string> out;
  for (const auto& range : ranges_) {
    const auto item = range_text(range);
    if (out.empty() || out.back().size() + 1 + item.size() > max_octets)
      out.push_back(item);
    else
      out.back() += ',' + item;
  }
  return out;
}

}  // namespace mirror::base
