// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "base/codes.hpp"
#include "base/failure.hpp"
#include "base/settings.hpp"
#include "cli/exit_codes.hpp"
#include "http/message.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

[[noreturn]] void throw_problem(const http::ClientResponse& response) {
  json::error_code error;
  const json::value body = json::parse(response.body, error);
  if (error || !body.is_object())
    throw Ended(exit_code_of(response.status, ""), fmt::format("mirrord answered {}", response.status));
  const json::object& problem = body.get_object();
  std::string text = text_of(problem, "detail");
  if (const auto* errors = problem.if_contains("errors");
      errors != nullptr && errors->is_array() && errors->get_array().size() > 1) {
    text = text_of(problem, "title") + ":";
    for (const auto& item : errors->get_array())
      text += "\n  " + text_of(item.as_object(), "pointer") + " " + text_of(item.as_object(), "detail");
  }
  const std::string code = text_of(problem, "code");
  throw Ended(exit_code_of(response.status, code.c_str()), fmt::format("{} ({})", text, code),
              text_of(problem, "next_step"));
}

// Switches echo off while it lives.
class QuietTerminal {
 public:
  QuietTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~QuietTerminal() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

}  // namespace

std::string Invocation::text(const std::string& name, const std::string& fallback) const {
  const auto found = values.find(name);
  return found == values.end() ? fallback : found->second;
}

std::int64_t Invocation::number(const std::string& name, std::int64_t fallback) const {
  const auto found = values.find(name);
  if (found == values.end() || found->second.empty()) return fallback;
  std::int64_t value = 0;
  const char* end = found->second.data() + found->second.size();
  const auto [stop, error] = std::from_chars(found->second.data(), end, value);
  if (error != std::errc{} || stop != end)
    throw Ended(k_usage, fmt::format("{} must be a whole number, not \"{}\"", name, found->second));
  return value;
}

http::Client& Invocation::client() {
  if (!client_) client_ = std::make_unique<http::Client>(socket_);
  return *client_;
}

http::ClientResponse Invocation::exchange(const std::string& method, const std::string& target,
                                          const std::string& body,
                                          const std::vector<std::pair<std::string, std::string>>& headers) {
  try {
    auto response = client().request(method, target, body, headers);
    if (response.status >= 400) throw_problem(response);
    return response;
  } catch (const base::Failed& failed) {
    const bool late = failed.failure().code() == "MRD-NET-002";
    throw Ended(late ? k_try_again : k_unreachable, failed.what(), std::string(failed.failure().next_step()));
  }
}

json::object Invocation::call(const std::string& method, const std::string& target, const json::object* body,
                              const std::vector<std::pair<std::string, std::string>>& headers) {
  const auto response =
      exchange(method, target, body == nullptr ? std::string() : json::serialize(*body), headers);
  if (response.body.empty()) return {};
  json::error_code error;
  json::value value = json::parse(response.body, error);
  if (error || !value.is_object())
    throw Ended(k_failed, "mirrord's answer is not understood: versions may differ");
  return std::move(value.get_object());
}

std::string Invocation::get_text(const std::string& target) {
  return exchange("GET", target, "", {}).body;
}

Commands all_commands() {
  Commands commands;
  add_site_commands(commands);
  add_store_commands(commands);
  add_link_commands(commands);
  add_mailbox_commands(commands);
  add_credential_commands(commands);
  add_run_commands(commands);
  add_guard_commands(commands);
  add_quarantine_commands(commands);
  add_event_commands(commands);
  add_config_commands(commands);
  add_directory_commands(commands);
  add_directory_config_commands(commands);
  add_db_commands(commands);
  return commands;
}

std::string explain_unknown(const Commands& commands, const std::vector<std::string>& words) {
  std::vector<std::string> known_before;
  for (std::size_t depth = 0; depth < words.size(); ++depth) {
    std::vector<std::string> known;
    bool complete = false, found = false;
    for (const Command& command : commands) {
      const bool same_start = command.words.size() >= depth &&
                              std::equal(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(depth),
                                         command.words.begin());
      if (!same_start) continue;
      if (command.words.size() == depth) {
        complete = true;
      } else {
        known.push_back(command.words[depth]);
        found = found || command.words[depth] == words[depth];
      }
    }
    if (complete) return "";  // what follows are arguments
    if (found) continue;
    const auto near = base::nearest(words[depth], known);
    std::string noun;
    for (std::size_t i = 0; i < depth; ++i) noun += words[i] + " ";
    return fmt::format("\"{}{}\" is not a verb{}", noun, words[depth],
                       near ? fmt::format("; did you mean \"{}{}\"?", noun, *near) : "");
  }
  return "";
}

std::string read_input(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream in(path, std::ios::binary);
  if (in && in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  if (!in.is_open() || in.bad()) throw Ended(k_failed, path + " cannot be read");
  return text.str();
}

std::string read_secret(const Invocation& invocation) {
  std::string secret;
  if (invocation.has("secret-file")) {
    secret = read_input(invocation.text("secret-file"));
  } else if (::isatty(STDIN_FILENO) != 0) {
    const QuietTerminal quiet;
    std::fputs("password: ", stderr);
    std::getline(std::cin, secret);
    std::fputs("\n", stderr);
  } else {
    secret = read_input("-");
  }
  if (!secret.empty() && secret.back() == '\n') secret.pop_back();
  if (!secret.empty() && secret.back() == '\r') secret.pop_back();
  if (secret.empty()) throw Ended(k_usage, "the secret is empty");
  return secret;
}

std::string with_query(const std::string& path,
                       const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string out = path;
  char separator = '?';
  for (const auto& [name, value] : pairs) {
    if (value.empty()) continue;
    out += fmt::format("{}{}={}", separator, name, http::percent_encode(value));
    separator = '&';
  }
  return out;
}

}  // namespace mirror::cli
