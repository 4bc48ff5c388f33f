// SPDX-License-Identifier: Apache-2.0
// Dovecot's exported events, as 2.3.19 writes them.

#include <boost/json.hpp>

#include "mirror/push_source.hpp"

namespace mirror::engine {

namespace {

namespace json = boost::json;

std::string text_member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// "UID STORE" and "STORE" change alike.
std::string_view bare_name(std::string_view command) {
  return command.starts_with("UID ") ? command.substr(4) : command;
}

// The last argument of "1:3 \"Greetings a\"" or "1:3 INBOX": where COPY and MOVE put the messages.
std::string last_argument(std::string_view arguments) {
  if (arguments.empty() || arguments.back() != '"') {
    const auto space = arguments.rfind(' ');
    return std::string(space == std::string_view::npos ? arguments : arguments.substr(space + 1));
  }
  std::string out;
  std::size_t at = arguments.size() - 1;
  while (at > 0) {
    const char c = arguments[--at];
    const bool escaped = at > 0 && arguments[at - 1] == '\\';
    if (c == '"' && !escaped) break;
    out.insert(out.begin(), c);
    if (escaped) --at;
  }
  return out;
}

void read_command(const json::object& fields, StoreEvent& event) {
  const std::string command = text_member(fields, "cmd_name");
  const std::string_view name = bare_name(command);
  if (name == "APPEND") event.kind = "deposit";
  if (name == "COPY" || name == "MOVE") {
    event.kind = "deposit";
    event.folders.push_back(last_argument(text_member(fields, "cmd_args")));
  }
  if (name == "STORE") event.kind = "flag";
  if (name == "EXPUNGE" || name == "CLOSE") event.kind = "deletion";
  for (const std::string_view of_folders : {"CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE"})
    if (name == of_folders) event.kind = "folder";
  // Whatever the answer was: a NO does not prove that nothing was stored.
  event.impact = event.kind != "other";
  const std::string folder = text_member(fields, "mailbox");
  if (!folder.empty()) event.folders.push_back(folder);
}

}  // namespace

std::optional<StoreEvent> parse_exported_event(std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return std::nullopt;
  const auto& object = value.get_object();
  const auto* found = object.if_contains("fields");
  const std::string name = text_member(object, "event");
  if (name.empty() || found == nullptr || !found->is_object()) return std::nullopt;
  const auto& fields = found->get_object();
  StoreEvent event;
  event.user = text_member(fields, "user");
  event.kind = "other";
  if (name == "imap_command_finished") read_command(fields, event);
  // A refused password has no "success" field.
  if (name == "auth_request_finished" && text_member(fields, "success") == "yes") {
    event.kind = "login";
    event.login = text_member(fields, "master_user");
  }
  if (name == "mail_delivery_finished") {
    event.kind = "deposit";
    event.impact = true;
  }
  return event;
}

}  // namespace mirror::engine
