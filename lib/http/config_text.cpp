// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "http/config_text_detail.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

void read_store(ConfigDocument& document, base::SettingsTable& root, const std::string& name,
                base::SettingsTable table) {
  ConfigDocument::Store store;
  store.name = name;
  if (!is_name(name))
    root.complain("store", fmt::format("\"{}\" is not a name: 1 to 64 of A-Z a-z 0-9 . _ -", name));
  store.fields = read_object(table, store_fields());
  store.password_file = table.text("password_file").value_or("");
  store.ca_file = table.text("ca_file").value_or("");
  if (!store.ca_file.empty() && table.has("ca_pem"))
    table.complain("ca_file", "ca_file and ca_pem exclude each other");
  if (table.has("password")) table.complain("password", "a secret does not belong here: use password_file");
  if (auto directory = table.table("directory")) store.directory = read_directory(*directory);
  table.finish();
  document.stores.push_back(std::move(store));
}

void read_link(ConfigDocument& document, base::SettingsTable& root, const std::string& name,
               base::SettingsTable table) {
  ConfigDocument::Link link;
  link.name = name;
  if (!is_name(name))
    root.complain("link", fmt::format("\"{}\" is not a name: 1 to 64 of A-Z a-z 0-9 . _ -", name));
  table.require("source");
  table.require("target");
  link.source = table.text("source").value_or("");
  link.target = table.text("target").value_or("");
  link.fields = read_object(table, link_fields());
  for (auto& mailbox : table.texts("mailboxes").value_or(std::vector<std::string>{})) {
    db::NewMailbox entry;
    entry.name = mailbox;
    link.mailboxes.push_back(std::move(entry));
  }
  for (auto& entry : table.tables("mailbox")) {
    db::NewMailbox mailbox;
    entry.require("name");
    mailbox.name = entry.text("name").value_or("");
    mailbox.target_name = entry.text("target_name").value_or("");
    entry.finish();
    link.mailboxes.push_back(std::move(mailbox));
  }
  for (auto& entry : table.tables("rule")) {
    db::ConfigRule rule;
    entry.require("action");
    entry.require("mask");
    rule.action = entry.choice("action", {"include", "exclude"}).value_or("");
    rule.mask = entry.text("mask").value_or("");
    if (std::ssize(rule.mask) > k_longest_mask)
      entry.complain("mask", fmt::format("\"mask\" must be at most {} octets long", k_longest_mask));
    entry.finish();
    link.rules.push_back(std::move(rule));
  }
  if (auto directory = table.table("directory")) link.directory = read_directory_mirror(*directory);
  table.finish();
  document.links.push_back(std::move(link));
}

void read_settings(ConfigDocument& document, base::SettingsTable& table) {
  using std::chrono::seconds;
  if (const auto target = table.duration("rpo_target")) {
    if (*target >= seconds(1))
      document.settings["rpo_target_seconds"] = std::chrono::duration_cast<seconds>(*target).count();
    else  // kept in whole seconds: it would be none at all
      table.complain("rpo_target", "\"rpo_target\" must be at least 1000 ms");
  }
  table.finish();
}

void write_members(std::string& out, const std::string& name, const json::array& members) {
  std::string plain, renamed;
  for (const auto& item : members) {
    const auto& mailbox = item.as_object();
    if (member(mailbox, "name") == member(mailbox, "target_name"))
      plain += fmt::format("  {},\n", quoted(member(mailbox, "name")));
    else
      renamed += fmt::format("\n[[link.{}.mailbox]]\nname = {}\ntarget_name = {}\n", quoted(name),
                             quoted(member(mailbox, "name")), quoted(member(mailbox, "target_name")));
  }
  if (!plain.empty()) out += "mailboxes = [\n" + plain + "]\n";
  out += renamed;
}

}  // namespace

ConfigDocument parse_config(std::string_view text, const std::string& file_name) {
  ConfigDocument document;
  auto settings = base::SettingsDocument::from_text(text, file_name);
  if (settings.errors().empty()) {
    auto root = settings.root();
    for (auto& [name, table] : root.named_tables("store")) read_store(document, root, name, table);
    for (auto& [name, table] : root.named_tables("link")) read_link(document, root, name, table);
    if (auto table = root.table("settings")) read_settings(document, *table);
    root.finish();
  }
  document.errors = settings.errors();
  return document;
}

std::string format_config(const json::object& current) {
  std::string out =
      "# Message Mirror configuration; mirrorctl config apply FILE puts it into effect. No secrets are in "
      "it.\n";
  const auto& settings = current.at("settings").as_object();
  if (const auto* target = settings.if_contains("rpo_target_seconds");
      target != nullptr && target->is_int64() && target->get_int64() > 0)
    out += fmt::format("\n[settings]\nrpo_target = \"{}s\"\n", target->get_int64());
  for (const auto& item : current.at("stores").as_array()) {
    const auto& store = item.as_object();
    out += fmt::format("\n[store.{}]\n", quoted(member(store, "name")));
    write_fields(out, store, store_fields());
    const auto* password = store.if_contains("password_set");
    if (password != nullptr && password->is_bool() && password->get_bool())
      out += "# a password is set; to set it from here: password_file = \"PATH\"\n";
    write_directory(out, store);
  }
  for (const auto& item : current.at("links").as_array()) {
    const auto& link = item.as_object();
    const std::string name = member(link, "name");
    out += fmt::format("\n[link.{}]\nsource = {}\ntarget = {}\n", quoted(name),
                       quoted(member(link, "source")), quoted(member(link, "target")));
    write_fields(out, link, link_fields());
    write_members(out, name, link.at("members").as_array());
    for (const auto& rule : link.at("rules").as_array())
      out +=
          fmt::format("\n[[link.{}.rule]]\naction = {}\nmask = {}\n", quoted(name),
                      quoted(member(rule.as_object(), "action")), quoted(member(rule.as_object(), "mask")));
    write_directory_mirror(out, link);
  }
  return out;
}

}  // namespace mirror::http
