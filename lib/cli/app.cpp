// SPDX-License-Identifier: Apache-2.0
#include "cli/app.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/command.hpp"
#include "cli/exit_codes.hpp"
#include "cli/help_format.hpp"

namespace mirror::cli {

namespace {

constexpr const char* k_default_socket = "/run/mirrord/control.sock";

struct Globals {
  std::string socket =
      std::getenv("MIRRORCTL_SOCKET") != nullptr ? std::getenv("MIRRORCTL_SOCKET") : k_default_socket;
  std::string format = "table";
  std::string colour = "auto";
  bool json = false, no_headers = false, quiet = false;
};

// What CLI11 writes into for one command; lives as long as the parser.
struct Bound {
  const Command* command = nullptr;
  CLI::App* parser = nullptr;
  std::map<std::string, std::string> texts;
  std::map<std::string, bool> flags;
};

CLI::App* child_of(CLI::App& app, const std::string& name) {
  for (CLI::App* child : app.get_subcommands({}))
    if (child->get_name() == name) return child;
  return nullptr;
}

CLI::App* noun_of(CLI::App& app, const Command& command) {
  CLI::App* at = &app;
  for (std::size_t i = 0; i + 1 < command.words.size(); ++i) {
    CLI::App* next = child_of(*at, command.words[i]);
    at = next != nullptr ? next : at->add_subcommand(command.words[i])->require_subcommand(1)->fallthrough();
  }
  return at;
}

std::unique_ptr<Bound> bind(CLI::App& app, const Command& command) {
  auto bound = std::make_unique<Bound>();
  bound->command = &command;
  bound->parser = noun_of(app, command)->add_subcommand(command.words.back(), command.help)->fallthrough();
  for (const auto& argument : command.arguments)
    bound->parser->add_option(argument.name, bound->texts[argument.name], argument.help)
        ->required(argument.required);
  for (const auto& option : command.options) {
    if (option.value_name.empty()) {
      bound->parser->add_flag("--" + option.name, bound->flags[option.name], option.help);
      continue;
    }
    auto* added = bound->parser->add_option("--" + option.name, bound->texts[option.name], option.help);
    added->required(option.required)->type_name(option.value_name);
    if (option.value_name.front() == '[') added->expected(0, 1);
  }
  return bound;
}

void describe_nouns(CLI::App& app, const std::string& above = {}) {
  static const std::map<std::string, std::string> k_nouns{
      {"store", "message stores"},
      {"link", "directions of mirroring"},
      {"mailbox", "subscribers' mailboxes"},
      {"run", "long work"},
      {"guard", "held deletions"},
      {"quarantine", "what a server refuses, alters or does not keep"},
      {"service", "parts of the daemon"},
      {"config", "the configuration as a document"},
      {"db", "the database's schema"},
      {"credential", "the passwords to log in with"},
      {"directory", "the directory mirror (LDAP)"},
      {"store credential", "the password of a store"},
      {"mailbox credential", "owners' own passwords"},
      {"directory store", "where a store's directory is"},
      {"directory credential", "the password to log in there with"},
      {"directory link", "what a link does with its directories"}};
  for (CLI::App* sub : app.get_subcommands({})) {
    const auto words = above + sub->get_name();
    const auto found = k_nouns.find(words);
    if (found != k_nouns.end() && sub->get_description().empty()) sub->description(found->second);
    describe_nouns(*sub, words + " ");
  }
}

void add_globals(CLI::App& app, Globals& globals) {
  app.add_option("--socket", globals.socket, "the daemon's control socket")->type_name("PATH");
  app.add_option("--format", globals.format, "table, tab, flow, json or ndjson")
      ->check(CLI::IsMember({"table", "tab", "flow", "json", "ndjson"}))
      ->type_name("WORD");
  app.add_flag("--json", globals.json, "the same as --format json");
  app.add_flag("--no-headers", globals.no_headers, "no line of titles");
  app.add_option("--color", globals.colour, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->type_name("WORD");
  app.add_flag("--quiet", globals.quiet, "nothing on stderr but errors");
}

bool wants_colour(const std::string& asked) {
  if (asked != "auto") return asked == "always";
  const char* term = std::getenv("TERM");
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0') && term != nullptr &&
         std::string_view(term) != "dumb";
}

OutputSettings output_settings(const Globals& globals) {
  static const std::map<std::string, Format> k_formats{{"table", Format::table},
                                                       {"tab", Format::tab},
                                                       {"flow", Format::flow},
                                                       {"json", Format::json},
                                                       {"ndjson", Format::ndjson}};
  OutputSettings settings;
  settings.format = globals.json ? Format::json : k_formats.at(globals.format);
  settings.headers = !globals.no_headers;
  settings.colour = wants_colour(globals.colour);
  settings.quiet = globals.quiet;
  return settings;
}

// The words before the first option: what the person took for a verb.
std::vector<std::string> typed_words(int argc, const char* const* argv) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--socket" || word == "--format" || word == "--color") {
      ++i;
    } else if (!word.empty() && word[0] != '-') {
      words.push_back(word);
    } else if (!words.empty()) {
      break;
    }
  }
  return words;
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, const Commands& commands, int argc,
                const char* const* argv) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success))
    return app.exit(error);  // --help, --version
  const std::string unknown = explain_unknown(commands, typed_words(argc, argv));
  fmt::print(stderr, "mirrorctl: {}\nmirrorctl --help lists the verbs\n",
             unknown.empty() ? error.what() : unknown);
  return k_usage;
}

int run_command(const Bound& bound, const Globals& globals) {
  Output output(output_settings(globals));
  Invocation invocation(output, globals.socket);
  for (const auto& [name, value] : bound.texts)
    if (!value.empty()) invocation.values[name] = value;
  // An option given as "" is given: "--login ''" clears.
  for (const auto& option : bound.command->options)
    if (!option.value_name.empty() && bound.parser->count("--" + option.name) > 0)
      invocation.values[option.name] = bound.texts.at(option.name);
  for (const auto& [name, given] : bound.flags)
    if (given) invocation.values[name] = "1";
  try {
    return bound.command->run(invocation);
  } catch (const Ended& ended) {
    fmt::print(stderr, "mirrorctl: {}\n", ended.what());
    if (!ended.next_step().empty()) fmt::print(stderr, "what to do: {}\n", ended.next_step());
    return ended.exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "mirrorctl: {}\n", error.what());
    return k_failed;
  }
}

}  // namespace

int run_app(int argc, const char* const* argv, const char* version, const char* commit) {
  const Commands commands = all_commands();
  Globals globals;
  CLI::App app("mirrorctl - Message Mirror's command line", "mirrorctl");
  app.formatter(std::make_shared<HelpFormat>());

  app.set_version_flag("--version", fmt::format("mirrorctl {} ({})", version, commit));
  app.require_subcommand(0, 1);
  add_globals(app, globals);
  std::vector<std::unique_ptr<Bound>> bound;
  for (const Command& command : commands) bound.push_back(bind(app, command));
  bool version_verb = false;
  app.add_subcommand("version", "versions of mirrorctl and mirrord")
      ->callback([&] { version_verb = true; })
      ->fallthrough();
  describe_nouns(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error, commands, argc, argv);
  }
  if (version_verb) {
    Output output(output_settings(globals));
    boost::json::object versions{{"version", version}, {"commit", commit}};
    if (output.is_json())
      output.json(std::move(versions), "mirrorctl.version/1");
    else
      output.line(fmt::format("mirrorctl {} ({})", version, commit));
    return k_ok;
  }
  for (const auto& one : bound)
    if (one->parser->parsed()) return run_command(*one, globals);
  fmt::print("{}", app.help());
  return argc > 1 ? k_usage : k_ok;
}

}  // namespace mirror::cli
