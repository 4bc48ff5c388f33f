// SPDX-License-Identifier: Apache-2.0
#include "mirror/canonical.hpp"

namespace mirror::engine {

void Canonical::feed(std::string_view octets, std::string& out) {
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '\n') {
      if (!after_cr_) out += '\r';
      out += '\n';
      if (line_empty_) in_header_ = false;
      line_empty_ = true;
    } else if (c == '\r') {
      out += '\r';
    } else {
      line_empty_ = false;
      if (octet == 0)
        out += in_header_ ? 'X' : '\x80';
      else if (octet >= 0x80 && in_header_)
        out += 'X';
      else
        out += c;
    }
    after_cr_ = c == '\r';
  }
}

void AlterableHeader::feed(std::string_view octets) {
  for (const char c : octets) {
    if (!in_header_) return;
    if (c == '\n') {
      if (line_empty_) in_header_ = false;
      line_empty_ = true;
    } else if (c != '\r') {
      line_empty_ = false;
      const auto octet = static_cast<unsigned char>(c);
      found_ = found_ || octet == 0 || octet >= 0x80;
    }
  }
}

}  // namespace mirror::engine
