// SPDX-License-Identifier: Apache-2.0
#pragma once

// The whole configuration as one TOML document, and the plan that makes the site equal to one. Pure: no I/O.
//
//   [store.prod]                       [link.main]                    [settings]
//   host = "imap.example.org"          source = "prod"                rpo_target = "5m"
//   port = 993                         target = "dr"
//   login = "mirror"                   mailboxes = ["1001", "1002"]
//   password_file = "prod.secret"      [[link.main.mailbox]]          [[link.main.rule]]
//   ca_file = "ca.pem"                 name = "1003"                  action = "exclude"
//                                      target_name = "u1003"          mask = "9*"
//   [store.prod.directory]             [link.main.directory]          [[link.main.directory.field]]
//   host = "ldap.example.org"          times = ["02:00"]              source = "cn"
//
// Files are read by the caller; a document holds no secret.

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/settings.hpp"
#include "db/config_document.hpp"

namespace mirror::http {

struct ConfigDocument {
  struct Directory {
    boost::json::object fields;  // every field of directory_fields(), defaults filled in
    std::string password_file;
    std::string ca_file;
  };
  struct Store {
    std::string name;
    boost::json::object fields;  // every field of store_fields(), defaults filled in
    std::string password_file;
    std::string ca_file;
    std::optional<Directory> directory;
  };
  struct Link {
    std::string name, source, target;
    boost::json::object fields;
    std::vector<db::ConfigRule> rules;
    std::vector<db::NewMailbox> mailboxes;
    std::optional<boost::json::object> directory;  // every one of directory_mirror_fields(), and "fields"
  };
  std::vector<Store> stores;
  std::vector<Link> links;
  std::map<std::string, boost::json::value> settings;
  std::vector<base::SettingsError> errors;  // not empty: the rest is not to be used
};

ConfigDocument parse_config(std::string_view text, const std::string& file_name);
// current: what db::read_configuration() gave. Only what differs from the defaults is written.
std::string format_config(const boost::json::object& current);

struct PlanLine {
  std::string action;  // create, change, keep, credential
  std::string object;  // "store prod"
  std::string detail;  // "port: 143 -> 993"
};
struct ConfigPlan {
  std::vector<PlanLine> lines;
  db::ConfigChanges changes;
  std::vector<std::string> errors;  // what the document asks that cannot be done
  bool empty() const;               // nothing would change
};

// files: the contents of password_file and ca_file by the names used in the document.
ConfigPlan plan_config(const boost::json::object& current, const ConfigDocument& wanted,
                       const std::map<std::string, std::string>& files);

}  // namespace mirror::http
