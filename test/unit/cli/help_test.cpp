// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <set>

#include "cli/command.hpp"
#include "cli/help_pages.hpp"
#include "unit/cli/shell.hpp"

using namespace mirror;

namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

}  // namespace

TEST_CASE("every verb, argument and option says what it is") {
  for (const auto& command : cli::all_commands()) {
    INFO(joined(command.words));
    CHECK_FALSE(command.help.empty());
    for (const auto& argument : command.arguments) CHECK_FALSE(argument.help.empty());
    for (const auto& option : command.options) {
      INFO(option.name);
      CHECK_FALSE(option.help.empty());
      CHECK(option.help.front() != ' ');
    }
  }
}

TEST_CASE("a page of help is of a verb there is") {
  std::set<std::string> known{""};
  for (const auto& command : cli::all_commands())
    for (std::size_t n = 1; n <= command.words.size(); ++n)
      known.insert(joined({command.words.begin(), command.words.begin() + static_cast<std::ptrdiff_t>(n)}));
  for (const auto& page : cli::help_pages()) {
    INFO(page.words);
    CHECK(known.contains(std::string(page.words)));
    CHECK_FALSE(page.description.empty());
    CHECK_FALSE(page.exit_status.empty());
    CHECK_FALSE(page.examples.empty());
  }
}

TEST_CASE("help is laid out like a manual page, and asks no server") {
  test::Shell shell("/tmp/nobody-answers-here.sock");
  const auto text = shell.run("directory apply --help").out;
  std::size_t at = 0;
  for (const char* title :
       {"NAME\n    mirrorctl directory apply - ", "SYNOPSIS\n", "DESCRIPTION\n", "OPTIONS\n",
        "--allow-mass-delete", "EXIT STATUS\n", "EXAMPLES\n", "SEE ALSO\n"}) {
    INFO(title);
    const auto found = text.find(title, at);
    REQUIRE(found != std::string::npos);
    at = found;
  }
}
