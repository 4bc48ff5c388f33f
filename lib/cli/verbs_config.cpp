// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>

#include "cli/command.hpp"
#include "cli/exit_codes.hpp"
#include "http/config_plan.hpp"

namespace mirror::cli {

namespace json = boost::json;

namespace {

http::ConfigDocument parse_or_end(const std::string& text, const std::string& file) {
  http::ConfigDocument document = http::parse_config(text, file);
  if (document.errors.empty()) return document;
  std::string all;
  for (const auto& error : document.errors) all += (all.empty() ? "" : "\n") + error.format();
  throw Ended(k_bad_config, all);
}

// Local: never contacts the daemon.
int check(Invocation& invocation) {
  const std::string file = invocation.text("file");
  const http::ConfigDocument document = parse_or_end(read_input(file), file);
  invocation.out.line(
      fmt::format("{}: {} stores, {} links: no error", file, document.stores.size(), document.links.size()));
  invocation.out.next("mirrorctl config apply " + file + " --dry-run");
  return k_ok;
}

// Files a document names are read here, by the person's own rights, beside the document.
void read_files(json::object& files, const std::filesystem::path& directory, const std::string& ca_file,
                const std::string& password_file) {
  if (!ca_file.empty()) files[ca_file] = read_input((directory / ca_file).string());
  if (password_file.empty()) return;
  std::string secret = read_input((directory / password_file).string());
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  if (secret.empty()) throw Ended(k_failed, password_file + " is empty");
  files[password_file] = secret;
}

json::object files_of(const http::ConfigDocument& document, const std::string& file) {
  const auto directory = file == "-" ? std::filesystem::path(".") : std::filesystem::path(file).parent_path();
  json::object files;
  for (const auto& store : document.stores) {
    read_files(files, directory, store.ca_file, store.password_file);
    if (store.directory)
      read_files(files, directory, store.directory->ca_file, store.directory->password_file);
  }
  return files;
}

int apply(Invocation& invocation) {
  const std::string file = invocation.text("file");
  const std::string text = read_input(file);
  const http::ConfigDocument document = parse_or_end(text, file);
  const json::object body{{"document", text}, {"file_name", file}, {"files", files_of(document, file)}};
  const bool dry_run = invocation.has("dry-run");
  json::object answer =
      invocation.call("POST", dry_run ? "/api/v1/config/plan" : "/api/v1/config/apply", &body);
  const bool changes = text_of(answer, "changes") == "yes";
  if (invocation.out.is_json()) {
    invocation.out.json(std::move(answer), "mirrorctl.config-plan/1");
  } else {
    if (!answer.at("lines").as_array().empty())
      invocation.out.rows(answer.at("lines").as_array(), {{"", "action"}, {"", "object"}, {"", "detail"}},
                          "");
    invocation.out.line(!changes ? "nothing to change" : dry_run ? "not applied: --dry-run" : "applied");
    invocation.out.next(dry_run && changes ? "mirrorctl config apply " + file : "mirrorctl status");
  }
  return dry_run && changes ? k_differs : k_ok;
}

int export_document(Invocation& invocation) {
  const std::string text = invocation.get_text("/api/v1/config");
  std::fwrite(text.data(), 1, text.size(), stdout);
  return k_ok;
}

}  // namespace

void add_config_commands(Commands& commands) {
  const Argument file{"file", "TOML document; - is standard input", true};
  commands.push_back({{"config", "check"}, "look for errors; local", {file}, {}, check});
  commands.push_back({{"config", "apply"},
                      "make the configuration what the document says",
                      {file},
                      {{"dry-run", "only show the plan; exit 5 when there is one", "", false}},
                      apply});
  commands.push_back({{"config", "export"},
                      "the whole configuration as one document, without secrets",
                      {},
                      {},
                      export_document});
  commands.push_back({{"config", "show"}, "the same as export", {}, {}, export_document});
}

}  // namespace mirror::cli
