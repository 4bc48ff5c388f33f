// SPDX-License-Identifier: Apache-2.0
#pragma once

// What help says of a verb besides its words, arguments and options: the sections of a manual page, as text
// of lines that need no wrapping. No I/O.

#include <span>
#include <string_view>

namespace mirror::cli {

struct HelpPage {
  std::string_view words;  // "directory apply"; empty: of mirrorctl itself
  std::string_view description;
  std::string_view exit_status;
  std::string_view examples;
  std::string_view see_also;
};

std::span<const HelpPage> help_pages();
// An empty page when there is none.
const HelpPage& help_page(std::string_view words);

}  // namespace mirror::cli
