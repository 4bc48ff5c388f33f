// SPDX-License-Identifier: Apache-2.0
#include "http/config_plan.hpp"

#include <fmt/format.h>

#include <set>

#include "http/config_plan_detail.hpp"

namespace mirror::http {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::string shown(const json::value& value) {
  constexpr std::size_t k_longest = 60;
  const std::string text = json::serialize(value);
  const std::string begin = cut_text(text, k_longest);
  return begin.size() < text.size() ? begin + "..." : text;
}

// What of the wanted fields differs; each difference becomes a line.
json::object difference(ConfigPlan& plan, const std::string& object, const json::object& current,
                        const json::object& wanted) {
  json::object patch;
  for (const auto& [key, value] : wanted) {
    const auto* now = current.if_contains(key);
    if (now != nullptr && *now == value) continue;
    patch[key] = value;
    plan.lines.push_back({"change", object,
                          fmt::format("{}: {} -> {}", std::string_view(key.data(), key.size()),
                                      now == nullptr ? "none" : shown(*now), shown(value))});
  }
  return patch;
}

const std::string* file_of(ConfigPlan& plan, const std::map<std::string, std::string>& files,
                           const std::string& object, const std::string& path) {
  const auto found = files.find(path);
  if (found != files.end()) return &found->second;
  plan.errors.push_back(fmt::format("{}: the content of {} was not sent", object, path));
  return nullptr;
}

namespace {

const json::object* find_named(const json::array& rows, const std::string& name) {
  for (const auto& row : rows)
    if (text_of(row.as_object(), "name") == name) return &row.as_object();
  return nullptr;
}

void plan_store(ConfigPlan& plan, const json::array& rows, ConfigDocument::Store store,
                const std::map<std::string, std::string>& files) {
  const std::string object = "store " + store.name;
  if (!store.ca_file.empty())
    if (const std::string* pem = file_of(plan, files, object, store.ca_file)) store.fields["ca_pem"] = *pem;
  const json::object* current = find_named(rows, store.name);
  db::ConfigChanges::Object change;
  change.name = store.name;
  change.create = current == nullptr;
  if (current == nullptr) {
    plan.lines.push_back(
        {"create", object,
         fmt::format("{}:{}", text_of(store.fields, "host"), json::serialize(store.fields["port"]))});
    change.patch = json::serialize(store.fields);
    plan.changes.stores.push_back(std::move(change));
  } else if (const json::object patch = difference(plan, object, *current, store.fields); !patch.empty()) {
    change.patch = json::serialize(patch);
    plan.changes.stores.push_back(std::move(change));
  }
  plan_directory(plan, current, store, files);
  if (store.password_file.empty()) return;
  if (const std::string* secret = file_of(plan, files, object, store.password_file)) {
    // Sealed values cannot be compared: a password named in the document is set each time.
    plan.lines.push_back({"credential", object, "password from " + store.password_file});
    plan.changes.passwords[store.name] = base::SecretText(*secret);
  }
}

bool same_rules(const json::array& current, const std::vector<db::ConfigRule>& wanted) {
  if (current.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (text_of(current[i].as_object(), "action") != wanted[i].action ||
        text_of(current[i].as_object(), "mask") != wanted[i].mask)
      return false;
  return true;
}

void plan_mailboxes(ConfigPlan& plan, db::ConfigChanges::Object& change, const std::string& object,
                    const json::object* current, const std::vector<db::NewMailbox>& wanted) {
  std::map<std::string, std::string> present;
  if (current != nullptr)
    for (const auto& row : current->at("members").as_array())
      present[text_of(row.as_object(), "name")] = text_of(row.as_object(), "target_name");
  std::set<std::string> named;
  for (const auto& mailbox : wanted) {
    const std::string target = mailbox.target_name.empty() ? mailbox.name : mailbox.target_name;
    if (!named.insert(mailbox.name).second)
      plan.errors.push_back(fmt::format("{}: mailbox {} is named twice", object, mailbox.name));
    const auto found = present.find(mailbox.name);
    if (found == present.end())
      change.mailboxes.push_back(mailbox);
    else if (found->second != target)
      plan.errors.push_back(fmt::format("{}: mailbox {} is mirrored to {}, not {}", object, mailbox.name,
                                        found->second, target));
  }
  if (!change.mailboxes.empty())
    plan.lines.push_back(
        {"create", object,
         fmt::format("{} mailboxes, first {}", change.mailboxes.size(), change.mailboxes[0].name)});
  std::size_t kept = 0;
  for (const auto& [name, target] : present) kept += named.count(name) == 0;
  if (kept > 0) plan.lines.push_back({"keep", object, fmt::format("{} mailboxes not in the document", kept)});
}

void plan_link(ConfigPlan& plan, const json::array& rows, const ConfigDocument::Link& link,
               const std::set<std::string>& stores) {
  const std::string object = "link " + link.name;
  for (const auto& name : {link.source, link.target})
    if (stores.count(name) == 0)
      plan.errors.push_back(fmt::format("{}: no store is named \"{}\"", object, name));
  const json::object* current = find_named(rows, link.name);
  db::ConfigChanges::Object change;
  change.name = link.name;
  change.create = current == nullptr;
  change.source = link.source;
  change.target = link.target;
  if (current == nullptr) {
    plan.lines.push_back({"create", object, link.source + " -> " + link.target});
    change.patch = json::serialize(link.fields);
  } else {
    if (text_of(*current, "source") != link.source || text_of(*current, "target") != link.target)
      plan.errors.push_back(
          fmt::format("{}: source and target of a link cannot be changed; make another link", object));
    const json::object patch = difference(plan, object, *current, link.fields);
    change.patch = patch.empty() ? "{}" : json::serialize(patch);
  }
  const json::array none;
  if (!same_rules(current == nullptr ? none : current->at("rules").as_array(), link.rules)) {
    change.rules = link.rules;
    plan.lines.push_back({"change", object, fmt::format("participation: {} rules", link.rules.size())});
  }
  plan_mailboxes(plan, change, object, current, link.mailboxes);
  if (change.create || change.patch != "{}" || change.rules || !change.mailboxes.empty())
    plan.changes.links.push_back(std::move(change));
  plan_directory_mirror(plan, current, link);
}

}  // namespace

bool ConfigPlan::empty() const {
  return changes.stores.empty() && changes.links.empty() && changes.passwords.empty() &&
         changes.settings.empty() && changes.directories.empty() && changes.directory_passwords.empty() &&
         changes.directory_mirrors.empty();
}

ConfigPlan plan_config(const json::object& current, const ConfigDocument& wanted,
                       const std::map<std::string, std::string>& files) {
  ConfigPlan plan;
  const auto& stores = current.at("stores").as_array();
  const auto& links = current.at("links").as_array();
  std::set<std::string> store_names, link_names, known_stores;
  for (const auto& store : wanted.stores) {
    store_names.insert(store.name);
    plan_store(plan, stores, store, files);
  }
  known_stores = store_names;
  for (const auto& row : stores) {
    const std::string name = text_of(row.as_object(), "name");
    if (known_stores.insert(name).second)
      plan.lines.push_back({"keep", "store " + name, "not in the document"});
  }
  for (const auto& link : wanted.links) {
    link_names.insert(link.name);
    plan_link(plan, links, link, known_stores);
  }
  for (const auto& row : links) {
    const std::string name = text_of(row.as_object(), "name");
    if (link_names.count(name) == 0) plan.lines.push_back({"keep", "link " + name, "not in the document"});
  }
  for (const auto& [key, value] : wanted.settings) {
    const auto* now = current.at("settings").as_object().if_contains(key);
    if (now != nullptr && *now == value) continue;
    plan.changes.settings[key] = json::serialize(value);
    plan.lines.push_back(
        {"change", "settings",
         fmt::format("{}: {} -> {}", key, now == nullptr ? "none" : shown(*now), shown(value))});
  }
  return plan;
}

}  // namespace mirror::http
