// SPDX-License-Identifier: Apache-2.0
#include "base/message_facts.hpp"

#include <algorithm>

namespace mirror::base {
namespace {

constexpr std::array<std::string_view, 5> k_system_flags{"\\Answered", "\\Deleted", "\\Draft", "\\Flagged",
                                                         "\\Seen"};

char fold(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool less_folded(std::string_view left, std::string_view right) {
  return std::lexicographical_compare(
      left.begin(), left.end(), right.begin(), right.end(), [](char a, char b) {
        return static_cast<unsigned char>(fold(a)) < static_cast<unsigned char>(fold(b));
      });
}

bool same_folded(std::string_view left, std::string_view right) {
  return left.size() == right.size() && !less_folded(left, right) && !less_folded(right, left);
}

}  // namespace

FlagSet::FlagSet(const std::vector<std::string>& words) {
  for (const auto& word : words) add(word);
}

FlagSet FlagSet::parse(std::string_view text) {
  if (text.size() >= 2 && text.front() == '(' && text.back() == ')') text = text.substr(1, text.size() - 2);
  FlagSet out;
  while (!text.empty()) {
    const auto space = std::min(text.find(' '), text.size());
    out.add(text.substr(0, space));
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return out;
}

void FlagSet::add(std::string_view word) {
  if (word.empty() || same_folded(word, "\\Recent")) return;
  for (const auto canonical : k_system_flags)
    if (same_folded(word, canonical)) word = canonical;
  const auto at = std::lower_bound(words_.begin(), words_.end(), word, less_folded);
  if (at != words_.end() && same_folded(*at, word)) return;
  words_.emplace(at, word);
}

void FlagSet::remove(std::string_view word) {
  std::erase_if(words_, [&](const std::string& have) { return same_folded(have, word); });
}

bool FlagSet::contains(std::string_view word) const {
  return std::binary_search(words_.begin(), words_.end(), word, less_folded);
}

std::string FlagSet::text() const {
  std::string out;
  for (const auto& word : words_) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

bool FlagSet::operator==(const FlagSet& other) const {
  return std::equal(words_.begin(), words_.end(), other.words_.begin(), other.words_.end(), same_folded);
}

bool FlagSet::operator<(const FlagSet& other) const {
  return std::lexicographical_compare(words_.begin(), words_.end(), other.words_.begin(), other.words_.end(),
                                      less_folded);
}

std::string to_hex(const Digest& digest) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  std::string out;
  out.reserve(digest.size() * 2);
  for (const auto octet : digest) {
    out += k_digits[octet >> 4];
    out += k_digits[octet & 15];
  }
  return out;
}

}  // namespace mirror::base
