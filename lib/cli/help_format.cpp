// SPDX-License-Identifier: Apache-2.0
#include "cli/help_format.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "cli/help_pages.hpp"

namespace mirror::cli {

namespace {

constexpr std::string_view k_indent = "    ";

// Nothing when there is nothing in it.
std::string section(std::string_view title, std::string_view text) {
  if (text.empty()) return {};
  std::string out = fmt::format("\n{}\n", title);
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    if (end > begin) out += fmt::format("{}{}", k_indent, text.substr(begin, end - begin));
    out += '\n';
    begin = end + 1;
  }
  return out;
}

// "directory apply"; empty for mirrorctl itself.
std::string words_of(const CLI::App* app) {
  std::string words;
  for (; app->get_parent() != nullptr; app = app->get_parent())
    words = app->get_name() + (words.empty() ? "" : " " + words);
  return words;
}

std::string synopsis(const CLI::App* app, const std::string& program) {
  std::string out = program;
  for (const auto* option : app->get_options()) {
    const auto named = option->get_name(true, false);
    if (option->get_positional())
      out += option->get_required() ? " " + named : " [" + named + "]";
    else if (option->get_required())
      out += fmt::format(" {} {}", option->get_name(), option->get_type_name());
  }
  if (!app->get_subcommands({}).empty()) out += " COMMAND";
  return out + " [OPTIONS]";
}

}  // namespace

std::string HelpFormat::make_help(const CLI::App* app, std::string /*name*/, CLI::AppFormatMode mode) const {
  if (mode == CLI::AppFormatMode::Sub) return make_expanded(app);
  const auto words = words_of(app);
  const auto& page = help_page(words);
  const std::string program = words.empty() ? "mirrorctl" : "mirrorctl " + words;
  std::string out =
      fmt::format("NAME\n{}{}\n", k_indent,
                  words.empty() ? app->get_description() : program + " - " + app->get_description());
  out += section("SYNOPSIS", synopsis(app, program));
  out += section("DESCRIPTION", page.description);
  std::string arguments, options, commands;
  for (const auto* option : app->get_options())
    (option->get_positional() ? arguments : options) += make_option(option, option->get_positional());
  for (const auto* command : app->get_subcommands({})) commands += make_subcommand(command);
  const auto titled = [](const char* title, const std::string& lines) {
    return lines.empty() ? std::string() : fmt::format("\n{}\n{}", title, lines);
  };
  out += titled("ARGUMENTS", arguments) + titled("COMMANDS", commands) + titled("OPTIONS", options);
  if (!words.empty())
    out += fmt::format("\n{}Those of every command, --json among them: mirrorctl --help\n", k_indent);

  out += section("EXIT STATUS", page.exit_status);
  out += section("EXAMPLES", page.examples);
  out += section("SEE ALSO", page.see_also);
  return out;
}

}  // namespace mirror::cli
