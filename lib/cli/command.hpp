// SPDX-License-Identifier: Apache-2.0
#pragma once

// A verb of mirrorctl as data: words, arguments, options and what to run. One table feeds the parser, the
// help, the suggestions and the documents. Verbs see an Invocation: what was typed, the output and the API.

#include <boost/json.hpp>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cli/output.hpp"
#include "http/client.hpp"

namespace mirror::cli {

struct Argument {
  std::string name;
  std::string help;
  bool required = true;
};

struct Option {
  std::string name;  // without dashes
  std::string help;
  std::string value_name;  // empty: a flag; "[N]": the value may be left out
  bool required = false;
};

// An exit with a message: what, and what to do about it.
class Ended : public std::runtime_error {
 public:
  Ended(int exit_code, const std::string& text, std::string next_step = {})
      : std::runtime_error(text), exit_code_(exit_code), next_step_(std::move(next_step)) {}
  int exit_code() const noexcept { return exit_code_; }
  const std::string& next_step() const noexcept { return next_step_; }

 private:
  int exit_code_;
  std::string next_step_;
};

class Invocation {
 public:
  Invocation(Output& output, std::string socket) : out(output), socket_(std::move(socket)) {}

  Output& out;
  std::map<std::string, std::string> values;  // arguments and options given; a flag is "1"

  bool has(const std::string& name) const { return values.count(name) != 0; }
  std::string text(const std::string& name, const std::string& fallback = {}) const;
  std::int64_t number(const std::string& name, std::int64_t fallback) const;  // Ended k_usage when it is none

  // The API. A problem becomes Ended with the exit code of its kind.
  boost::json::object get(const std::string& target) { return call("GET", target); }
  boost::json::object call(const std::string& method, const std::string& target,
                           const boost::json::object* body = nullptr,
                           const std::vector<std::pair<std::string, std::string>>& headers = {});
  std::string get_text(const std::string& target);
  http::Client& client();
  const std::string& socket() const noexcept { return socket_; }

 private:
  http::ClientResponse exchange(const std::string& method, const std::string& target, const std::string& body,
                                const std::vector<std::pair<std::string, std::string>>& headers);
  std::string socket_;
  std::unique_ptr<http::Client> client_;
};

struct Command {
  std::vector<std::string> words;  // {"store", "add"}
  std::string help;
  std::vector<Argument> arguments;
  std::vector<Option> options;
  int (*run)(Invocation&) = nullptr;
};

using Commands = std::vector<Command>;
void add_site_commands(Commands& commands);
void add_store_commands(Commands& commands);
void add_link_commands(Commands& commands);
void add_mailbox_commands(Commands& commands);
void add_credential_commands(Commands& commands);
void add_run_commands(Commands& commands);
void add_guard_commands(Commands& commands);
void add_quarantine_commands(Commands& commands);
void add_event_commands(Commands& commands);
void add_config_commands(Commands& commands);
void add_directory_commands(Commands& commands);
void add_directory_config_commands(Commands& commands);
void add_db_commands(Commands& commands);
Commands all_commands();

// "unknown verb "stor"; did you mean "store"?" for the words typed, or "" when they name a command (or a
// noun).
std::string explain_unknown(const Commands& commands, const std::vector<std::string>& words);

// A whole file, or standard input for "-". Ended k_failed when it cannot be read.
std::string read_input(const std::string& path);
// A secret from --secret-file, else standard input (without echo at a terminal); one trailing newline is cut.
std::string read_secret(const Invocation& invocation);
// "name" or "?link=..": a query with the pairs whose value is not empty.
std::string with_query(const std::string& path,
                       const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace mirror::cli
