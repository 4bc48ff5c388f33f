// SPDX-License-Identifier: Apache-2.0
#include "imap/value_parser.hpp"

#include <algorithm>
#include <charconv>

namespace mirror::imap {
namespace {

char upper_of(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
char lower_of(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

class Reader {
 public:
  Reader(std::string_view in, std::size_t at, const std::vector<std::size_t>& streamed, bool partial)
      : in_(in), at_(at), streamed_(streamed), partial_(partial) {}

  // Values up to the closing parenthesis (depth > 0) or the end of the buffer.
  bool sequence(std::vector<Value>& into, int depth) {
    for (;;) {
      while (at_ < in_.size() && in_[at_] == ' ') ++at_;
      if (at_ >= in_.size()) return depth == 0 || partial_;
      if (in_[at_] == ')') {
        ++at_;
        return depth > 0;
      }
      if (!value(into.emplace_back(), depth)) return false;
    }
  }

 private:
  bool value(Value& into, int depth) {
    if (in_[at_] == '(') {
      ++at_;
      into.kind = Value::Kind::list;
      return depth < k_deepest_list && sequence(into.items, depth + 1);
    }
    if (in_[at_] == '"') return quoted(into);
    if (in_[at_] == '{') return literal(into);
    if (in_.substr(at_, 2) == "~{") {  // literal8, RFC 3516
      ++at_;
      return literal(into);
    }
    return atom(into);
  }

  bool quoted(Value& into) {
    into.kind = Value::Kind::string;
    for (++at_; at_ < in_.size(); ++at_) {
      char c = in_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c == '\\' && ++at_ < in_.size()) c = in_[at_];
      if (c == '\n' || c == '\r') return false;
      if (at_ < in_.size()) into.text.push_back(c);
    }
    return false;
  }

  bool literal(Value& into) {
    const bool away = std::binary_search(streamed_.begin(), streamed_.end(), at_);
    const auto close = in_.find('}', at_);
    if (close == std::string_view::npos || close + 1 >= in_.size() || in_[close + 1] != '\n') return false;
    std::string_view digits = in_.substr(at_ + 1, close - at_ - 1);
    if (digits.ends_with('+')) digits.remove_suffix(1);
    const auto length = parse_number(digits);
    at_ = close + 2;
    if (!length) return false;
    into.kind = away ? Value::Kind::streamed : Value::Kind::string;
    if (away) return true;
    if (*length > in_.size() - at_) return false;
    into.text.assign(in_.substr(at_, *length));
    at_ += *length;
    return true;
  }

  // An atom is read generously (8-bit, ']' and the like in keywords). The section of BODY[...] and
  // BINARY[...] may hold spaces and parentheses.
  bool atom(Value& into) {
    const std::size_t start = at_;
    while (at_ < in_.size()) {
      const char c = in_[at_];
      if (c == ' ' || c == '(' || c == ')') break;
      if (c == '\r' || c == '\n') return false;
      if (c == '[' && (iequals(in_.substr(start, at_ - start), "BODY") ||
                       iequals(in_.substr(start, at_ - start), "BINARY"))) {
        const auto close = in_.find(']', at_);
        if (close == std::string_view::npos) return false;
        at_ = close;
      }
      ++at_;
    }
    if (at_ == start) return false;
    into.text.assign(in_.substr(start, at_ - start));
    into.kind = iequals(into.text, "NIL") ? Value::Kind::nil : Value::Kind::atom;
    return true;
  }

  std::string_view in_;
  std::size_t at_;
  const std::vector<std::size_t>& streamed_;
  bool partial_;
};

}  // namespace

std::optional<std::vector<Value>> parse_values(std::string_view buffer, std::size_t at,
                                               const std::vector<std::size_t>& streamed, bool partial) {
  std::vector<Value> values;
  if (!Reader(buffer, at, streamed, partial).sequence(values, 0)) return std::nullopt;
  return values;
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), upper_of);
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower_of);
  return out;
}

bool iequals(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return upper_of(x) == upper_of(y); });
}

std::optional<std::uint64_t> parse_number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  return value;
}

std::optional<std::uint32_t> parse_number32(std::string_view digits) {
  const auto value = parse_number(digits);
  if (!value || *value > 0xFFFFFFFFu) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

}  // namespace mirror::imap
