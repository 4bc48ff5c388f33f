// SPDX-License-Identifier: Apache-2.0
#pragma once

// The canonical form of a message: what servers are known to alter is made alike, so that an altered copy is
// still recognised (NUL read as 0x80, 8-bit header octets as X, bare line feeds as CRLF). Only for
// recognising; nothing canonical is ever sent.

#include <string>
#include <string_view>

namespace mirror::engine {

class Canonical {
 public:
  // Feeds octets; appends their canonical form to out.
  void feed(std::string_view octets, std::string& out);

 private:
  bool in_header_ = true;
  bool line_empty_ = true;
  bool after_cr_ = false;
};

// Whether a header holds an octet that servers are known to alter while the size stays: what only a look at
// the copy tells.
class AlterableHeader {
 public:
  void feed(std::string_view octets);
  bool found() const { return found_; }

 private:
  bool in_header_ = true;
  bool line_empty_ = true;
  bool found_ = false;
};

}  // namespace mirror::engine
