// SPDX-License-Identifier: Apache-2.0
#pragma once

// Help as a manual page: NAME, SYNOPSIS, DESCRIPTION, ARGUMENTS, OPTIONS, COMMANDS, EXIT STATUS, EXAMPLES,
// SEE ALSO. For app.cpp alone: it sees CLI11.

#include <CLI/CLI.hpp>

namespace mirror::cli {

class HelpFormat : public CLI::Formatter {
 public:
  HelpFormat() { column_width(32); }
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

}  // namespace mirror::cli
