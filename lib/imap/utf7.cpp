// SPDX-License-Identifier: Apache-2.0
#include "imap/utf7.hpp"

#include <cstdint>

namespace mirror::imap {
namespace {

constexpr std::string_view k_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
constexpr char32_t k_bad = 0xFFFFFFFF;

// Reads one code point; k_bad for anything RFC 3629 forbids (overlong, surrogate, above 10FFFF).
char32_t next_code_point(std::string_view in, std::size_t& at) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(in[i]); };
  const unsigned char first = octet(at++);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC2 ? 1 : 0;
  if (more == 0 || first > 0xF4 || at + static_cast<std::size_t>(more) > in.size()) return k_bad;
  char32_t point = first & (0x3Fu >> more);
  for (int i = 0; i < more; ++i) {
    if ((octet(at) & 0xC0) != 0x80) return k_bad;
    point = (point << 6) | (octet(at++) & 0x3Fu);
  }
  constexpr char32_t k_lowest[] = {0, 0x80, 0x800, 0x10000};
  if (point < k_lowest[more] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return k_bad;
  return point;
}

void append_utf8(std::string& out, char32_t point) {
  const auto put = [&](char32_t octet) { out.push_back(static_cast<char>(octet)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0 | (point >> 6));
  } else {
    if (point < 0x10000) {
      put(0xE0 | (point >> 12));
    } else {
      put(0xF0 | (point >> 18));
      put(0x80 | ((point >> 12) & 0x3F));
    }
    put(0x80 | ((point >> 6) & 0x3F));
  }
  put(0x80 | (point & 0x3F));
}

// Collects UTF-16 units as bits and writes them as modified base64.
class Shifted {
 public:
  void put(std::string& out, char32_t unit) {
    bits_ = (bits_ << 16) | unit;
    count_ += 16;
    while (count_ >= 6) {
      count_ -= 6;
      out.push_back(k_alphabet[(bits_ >> count_) & 0x3F]);
    }
  }
  void finish(std::string& out) {
    if (count_ > 0) out.push_back(k_alphabet[(bits_ << (6 - count_)) & 0x3F]);
    bits_ = 0;
    count_ = 0;
  }

 private:
  std::uint32_t bits_ = 0;
  int count_ = 0;
};

// Decodes the base64 between '&' and '-' into UTF-16 units and those into UTF-8.
bool decode_shifted(std::string_view coded, std::string& out) {
  std::uint32_t bits = 0;
  int count = 0;
  char32_t high = 0;
  for (const char c : coded) {
    const auto value = k_alphabet.find(c);
    if (value == std::string_view::npos) return false;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 16) continue;
    count -= 16;
    const char32_t unit = (bits >> count) & 0xFFFF;
    if (high != 0) {
      if (unit < 0xDC00 || unit > 0xDFFF) return false;
      append_utf8(out, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
      high = 0;
    } else if (unit >= 0xD800 && unit <= 0xDBFF) {
      high = unit;
    } else if ((unit >= 0xDC00 && unit <= 0xDFFF) || unit == 0) {
      return false;
    } else {
      append_utf8(out, unit);
    }
  }
  return high == 0;
}

}  // namespace

std::optional<std::string> encode_utf7(std::string_view utf8) {
  std::string out;
  Shifted shifted;
  bool inside = false;
  for (std::size_t at = 0; at < utf8.size();) {
    const char32_t point = next_code_point(utf8, at);
    if (point == k_bad) return std::nullopt;
    const bool direct = point >= 0x20 && point <= 0x7E;
    if (direct && inside) {
      shifted.finish(out);
      out.push_back('-');
      inside = false;
    }
    if (direct) {
      out.push_back(static_cast<char>(point));
      if (point == '&') out.push_back('-');
      continue;
    }
    if (!inside) out.push_back('&');
    inside = true;
    if (point >= 0x10000) {
      shifted.put(out, 0xD800 + ((point - 0x10000) >> 10));
      shifted.put(out, 0xDC00 + ((point - 0x10000) & 0x3FF));
    } else {
      shifted.put(out, point);
    }
  }
  if (inside) {
    shifted.finish(out);
    out.push_back('-');
  }
  return out;
}

std::optional<std::string> decode_utf7(std::string_view wire) {
  std::string out;
  for (std::size_t at = 0; at < wire.size();) {
    const char c = wire[at++];
    if (c < 0x20 || c > 0x7E) return std::nullopt;
    if (c != '&') {
      out.push_back(c);
      continue;
    }
    const auto end = wire.find('-', at);
    if (end == std::string_view::npos) return std::nullopt;
    if (end == at) {
      out.push_back('&');
    } else if (!decode_shifted(wire.substr(at, end - at), out)) {
      return std::nullopt;
    }
    at = end + 1;
  }
  const auto again = encode_utf7(out);
  if (!again || *again != wire) return std::nullopt;
  return out;
}

bool is_utf8(std::string_view octets) {
  for (std::size_t at = 0; at < octets.size();) {
    if (next_code_point(octets, at) == k_bad) return false;
  }
  return true;
}

std::string printable(std::string_view octets, std::size_t limit) {
  std::string out;
  for (std::size_t at = 0; at < octets.size();) {
    const std::size_t start = at;
    const char32_t point = next_code_point(octets, at);
    if (point == k_bad) at = start + 1;
    const bool plain = point != k_bad && point >= 0x20 && point != 0x7F && !(point >= 0x80 && point < 0xA0);
    const std::string_view piece = plain ? octets.substr(start, at - start) : std::string_view("?");
    if (out.size() + piece.size() > limit) break;
    out.append(piece);
  }
  return out;
}

}  // namespace mirror::imap
