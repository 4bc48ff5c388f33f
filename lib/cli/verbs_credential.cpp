// SPDX-License-Identifier: Apache-2.0
// The passwords of mailbox owners, for stores where each logs in with its own.
#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/exit_codes.hpp"
#include "http/message.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

std::string path_of(const Invocation& invocation) {
  return "/api/v1/mailboxes/" + http::percent_encode(invocation.text("name")) + "/credential";
}

int told(Invocation& invocation, json::object answer, const std::string& next) {
  const bool used = answer.at("used").as_bool();
  if (invocation.out.is_json())
    invocation.out.json(answer, "mirrorctl.mailbox-credential/1");
  else
    invocation.out.line(fmt::format("{} set, sealed{}", number_of(answer, "set"),
                                    used ? "; what they open is tried at once" : ""));
  if (!used)
    invocation.out.note(fmt::format("{} logs in otherwise: they wait until its login_method is own_password",
                                    invocation.text("store")));
  invocation.out.next(next);
  return k_ok;
}

int set(Invocation& invocation) {
  const json::object body{{"store", invocation.text("store")},
                          {"link", invocation.text("link")},
                          {"password", read_secret(invocation)}};
  json::object answer = invocation.call("PUT", path_of(invocation), &body);
  return told(invocation, std::move(answer), "mirrorctl mailbox show " + invocation.text("name"));
}

int clear(Invocation& invocation) {
  invocation.call("DELETE", with_query(path_of(invocation), {{"store", invocation.text("store")},
                                                             {"link", invocation.text("link")}}));
  invocation.out.note("no password is kept; connections that are open stay so until they end");
  return k_ok;
}

int import_file(Invocation& invocation) {
  const json::object body{{"link", invocation.text("link")},
                          {"document", read_input(invocation.text("file"))}};
  json::object answer = invocation.call(
      "POST", "/api/v1/stores/" + http::percent_encode(invocation.text("store")) + "/mailbox-credentials",
      &body);
  return told(invocation, std::move(answer), "mirrorctl mailbox list");
}

}  // namespace

void add_credential_commands(Commands& commands) {
  const Argument name{"name", "the owner on the source store", true};
  const Option store{"store", "the store it opens, source or target", "STORE", true};
  const Option link{"link", "needed where the name is another owner's on another link", "LINK", false};
  commands.push_back(
      {{"mailbox", "credential", "set"},
       "set an owner's own password (standard input or --secret-file)",
       {name},
       {store, link, {"secret-file", "file with the password; - is standard input", "PATH", false}},
       set});
  commands.push_back(
      {{"mailbox", "credential", "clear"}, "forget an owner's own password", {name}, {store, link}, clear});
  commands.push_back({{"mailbox", "credential", "import"},
                      "set many from a file: NAME,PASSWORD (or a tab between) a line",
                      {{"store", "the store they open", true}, {"file", "- is standard input", true}},
                      {link},
                      import_file});
}

}  // namespace mirror::cli
