// SPDX-License-Identifier: Apache-2.0
#include "imap/response_code.hpp"

#include <fmt/format.h>

#include "imap/utf7.hpp"
#include "imap/value_parser.hpp"

namespace mirror::imap {
namespace {

using base::Failure;
using base::Retry;
using base::Scope;

constexpr std::size_t k_longest_text = 500;

// The ']' that ends a response code: the first one outside parentheses and quotes, because keywords in
// PERMANENTFLAGS may hold one; where quotes or parentheses do not close, simply the first.
std::size_t code_end(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') ++i;
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c == ']' && depth <= 0) return i;
  }
  return text.find(']');
}

struct CodeRow {
  std::string_view response_code;
  std::string_view id;
};

// RFC 5530 and its successors, as servers use them (Dovecot, Cyrus, Stalwart, Exchange).
constexpr CodeRow k_rows[] = {
    {"INUSE", "MRD-IMAP-018"},
    {"THROTTLED", "MRD-IMAP-019"},
    {"UNAVAILABLE", "MRD-IMAP-020"},
    {"SERVERBUG", "MRD-IMAP-024"},
    {"OVERQUOTA", "MRD-IMAP-013"},
    {"LIMIT", "MRD-IMAP-026"},
    {"NOPERM", "MRD-IMAP-012"},
    {"TOOBIG", "MRD-IMAP-014"},
    {"CANNOT", "MRD-IMAP-015"},
    {"TRYCREATE", "MRD-IMAP-017"},
    {"NONEXISTENT", "MRD-IMAP-016"},
    {"ALREADYEXISTS", "MRD-IMAP-023"},
    {"EXPIRED", "MRD-IMAP-030"},
    {"CORRUPTION", "MRD-IMAP-033"},
    {"PRIVACYREQUIRED", "MRD-IMAP-031"},
    {"CLIENTBUG", "MRD-IMAP-003"},
    {"MAXCONVERTMESSAGES", "MRD-IMAP-026"},
    {"MESSAGELIMIT", "MRD-IMAP-026"},
    {"SAVELIMIT", "MRD-IMAP-026"},
    {"HASCHILDREN", "MRD-IMAP-004"},
    {"CONTACTADMIN", "MRD-IMAP-020"},
    {"NOTIFICATIONOVERFLOW", "MRD-IMAP-034"},
    {"BADEVENT", "MRD-IMAP-022"},
    {"BADCHARSET", "MRD-IMAP-003"},
    {"UNKNOWN-CTE", "MRD-IMAP-015"},
};

std::string_view id_of(std::string_view code) {
  for (const auto& row : k_rows) {
    if (row.response_code == code) return row.id;
  }
  return {};
}

std::string describe(const Reply& reply, std::string_view command, std::string_view object) {
  const std::string code = reply.code.empty() ? "" : fmt::format("[{}] ", reply.code);
  const char* word = reply.status == Reply::Status::bad ? "BAD" : "NO";
  const std::string store = reply.store.empty() ? "" : reply.store + ": ";
  return fmt::format("{}{} {}: {} {}{}", store, command, printable(object, 200), word, code, reply.text);
}

bool is_append(std::string_view command) {
  return iequals(command, "APPEND");
}
bool names_folder(std::string_view command) {
  return iequals(command, "CREATE") || iequals(command, "RENAME") || iequals(command, "SUBSCRIBE");
}

}  // namespace

Reply parse_reply_text(std::string_view text) {
  Reply reply;
  if (text.starts_with('[')) {
    const auto end = code_end(text);
    if (end != std::string_view::npos) {
      const std::string_view inside = text.substr(1, end - 1);
      const auto space = inside.find(' ');
      reply.code = upper(inside.substr(0, space));
      if (space != std::string_view::npos) reply.code_text.assign(inside.substr(space + 1));
      text.remove_prefix(end + 1);
      if (text.starts_with(' ')) text.remove_prefix(1);
    }
  }
  reply.text = printable(text, k_longest_text);
  return reply;
}

std::optional<AppendUid> append_uid(const Reply& reply) {
  if (!reply.ok() || reply.code != "APPENDUID") return std::nullopt;
  const std::string_view text = reply.code_text;
  const auto space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto validity = parse_number32(text.substr(0, space));
  const auto uids = UidSet::parse(text.substr(space + 1));
  if (!validity || *validity == 0 || !uids || uids->empty()) return std::nullopt;
  return AppendUid{UidValidity{*validity}, *uids};
}

std::optional<std::chrono::milliseconds> suggested_backoff(std::string_view text) {
  constexpr std::string_view k_words = "Suggested Backoff Time: ";
  const auto at = text.find(k_words);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(at + k_words.size());
  const auto value = parse_number32(rest.substr(0, rest.find_first_not_of("0123456789")));
  if (!value) return std::nullopt;
  return std::chrono::milliseconds(*value);
}

Failure failure_of(const Reply& reply, std::string_view command, std::string_view object) {
  const std::string detail = describe(reply, command, object);
  const std::string_view id = id_of(reply.code);
  // What concerns a whole mailbox must hold all of it, not the one message or folder at hand.
  if (reply.code == "NOPERM") return Failure(id, Scope::mailbox, Retry::later, detail);
  if (reply.code == "CANNOT" && names_folder(command)) return Failure("MRD-IMAP-021", detail);
  if (reply.code == "CANNOT" && !is_append(command))
    return Failure("MRD-IMAP-004", Scope::folder, Retry::later, detail);
  if (reply.code == "INUSE" || reply.code == "UNAVAILABLE" || reply.code == "SERVERBUG")
    return Failure(id, Scope::mailbox, Retry::later, detail);
  if (suggested_backoff(reply.text)) return Failure("MRD-IMAP-019", detail);
  if (!id.empty()) return Failure(id, detail);
  if (is_append(command)) return Failure("MRD-IMAP-015", Scope::message, Retry::later, detail);
  if (reply.status == Reply::Status::bad) return Failure("MRD-IMAP-003", Scope::folder, Retry::later, detail);
  if (names_folder(command)) return Failure("MRD-IMAP-021", Scope::folder, Retry::later, detail);
  if (iequals(command, "SELECT") || iequals(command, "EXAMINE")) return Failure("MRD-IMAP-025", detail);
  return Failure("MRD-IMAP-004", Scope::folder, Retry::later, detail);
}

bool names_store(const Failure& failure, std::string_view store) {
  std::string_view words = failure.detail();
  if (!words.starts_with(store)) return false;
  words.remove_prefix(store.size());
  return words.empty() || words.starts_with(':') || words.starts_with(' ');
}

Failure with_store(const Failure& failure, std::string_view store) {
  if (names_store(failure, store)) return failure;
  return Failure(failure.code(), failure.scope(), failure.retry(),
                 fmt::format("{}: {}", store, failure.detail()));
}

Failure failure_of_bye(const Reply& bye, std::string_view store) {
  const bool throttled = bye.code == "THROTTLED" || suggested_backoff(bye.text);
  return Failure(throttled ? "MRD-IMAP-019" : "MRD-IMAP-002", fmt::format("{}: {}", store, bye.text));
}

Failure login_failure(const Reply& reply, std::string_view owner, bool own_password) {
  const std::string detail = describe(reply, "login for", owner);
  if (reply.code == "AUTHORIZATIONFAILED" || reply.code == "NOPERM") return Failure("MRD-IMAP-011", detail);
  if (reply.code == "EXPIRED" && own_password) return Failure("MRD-IMAP-037", detail);
  if (reply.code == "LIMIT" || reply.text.find("Maximum number of connections") != std::string::npos)
    return Failure("MRD-IMAP-029", detail);
  if (reply.code == "UNAVAILABLE" || reply.code == "CONTACTADMIN" || reply.code == "SERVERBUG")
    return Failure("MRD-IMAP-032", detail);
  const std::string_view id = id_of(reply.code);
  if (!id.empty()) return Failure(id, detail);
  if (suggested_backoff(reply.text)) return Failure("MRD-IMAP-019", detail);
  return Failure(own_password ? "MRD-IMAP-037" : "MRD-IMAP-010", detail);
}

}  // namespace mirror::imap
