// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "http/config_plan_detail.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

const json::object* directory_of(const json::object* owner) {
  const auto* value = owner == nullptr ? nullptr : owner->if_contains("directory");
  return value == nullptr ? nullptr : value->if_object();
}

// Writes what differs; a new one is one line, said by "created".
void plan_object(ConfigPlan& plan, std::vector<db::ConfigChanges::Object>& changes, const std::string& name,
                 const std::string& object, const json::object* current, const json::object& wanted,
                 const std::string& created) {
  db::ConfigChanges::Object change;
  change.name = name;
  change.create = current == nullptr;
  if (current == nullptr) {
    plan.lines.push_back({"create", object, created});
    change.patch = json::serialize(wanted);
  } else {
    const json::object patch = difference(plan, object, *current, wanted);
    if (patch.empty()) return;
    change.patch = json::serialize(patch);
  }
  changes.push_back(std::move(change));
}

}  // namespace

void plan_directory(ConfigPlan& plan, const json::object* store_row, const ConfigDocument::Store& store,
                    const std::map<std::string, std::string>& files) {
  const std::string object = fmt::format("store {} directory", store.name);
  const json::object* current = directory_of(store_row);
  if (!store.directory) {
    if (current != nullptr) plan.lines.push_back({"keep", object, "not in the document"});
    return;
  }
  json::object wanted = store.directory->fields;
  if (const auto& path = store.directory->ca_file; !path.empty())
    if (const std::string* pem = file_of(plan, files, object, path)) wanted["ca_pem"] = *pem;
  plan_object(plan, plan.changes.directories, store.name, object, current, wanted,
              fmt::format("{}:{}", text_of(wanted, "host"), json::serialize(wanted["port"])));
  const auto& path = store.directory->password_file;
  if (path.empty()) return;
  if (const std::string* secret = file_of(plan, files, object, path)) {
    plan.lines.push_back({"credential", object, "password from " + path});
    plan.changes.directory_passwords[store.name] = base::SecretText(*secret);
  }
}

void plan_directory_mirror(ConfigPlan& plan, const json::object* link_row, const ConfigDocument::Link& link) {
  const std::string object = fmt::format("link {} directory", link.name);
  const json::object* current = directory_of(link_row);
  if (!link.directory) {
    if (current != nullptr) plan.lines.push_back({"keep", object, "not in the document"});
    return;
  }
  plan_object(plan, plan.changes.directory_mirrors, link.name, object, current, *link.directory,
              "scheduled: " + text_of(*link.directory, "scheduled"));
}

}  // namespace mirror::http
