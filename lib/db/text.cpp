// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "db/faces.hpp"
#include "db/transact_detail.hpp"

namespace mirror::db {

namespace {

// Length of the valid UTF-8 sequence at the start of text, 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  if (length > 2) {
    const auto second = static_cast<unsigned char>(text[1]);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F))
      return 0;
  }
  return length;
}

}  // namespace

std::string clean_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0 || text[0] == '\0') {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

bool is_text(std::string_view octets) {
  while (!octets.empty() && octets[0] != '\0') {
    const std::size_t length = sequence_length(octets);
    if (length == 0) return false;
    octets.remove_prefix(length);
  }
  return octets.empty();
}

void ArrayText::separate() {
  if (!first_) text_ += ',';
  first_ = false;
}

void ArrayText::add(std::int64_t number) {
  separate();
  text_ += fmt::to_string(number);
}

void ArrayText::add(std::string_view text) {
  separate();
  text_ += '"';
  for (const char c : clean_text(text)) {
    if (c == '"' || c == '\\') text_ += '\\';
    text_ += c;
  }
  text_ += '"';
}

void ArrayText::add_null() {
  separate();
  text_ += "NULL";
}

void ArrayText::add_octets(const std::uint8_t* data, std::size_t size) {
  separate();
  text_ += "\"\\\\x";
  for (std::size_t i = 0; i < size; ++i) text_ += fmt::format("{:02x}", data[i]);
  text_ += '"';
}

}  // namespace mirror::db
