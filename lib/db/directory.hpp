// SPDX-License-Identifier: Apache-2.0
#pragma once

// The directory mirror as the engine needs it: what is configured, when it is due, its runs and plans.

#include <optional>
#include <string>
#include <vector>

#include "db/work.hpp"

namespace mirror::db {

enum class PlanId : std::int64_t {};

// The LDAP endpoint of a store; the password still sealed ("directory/<store id>/password").
struct DirectoryRecord {
  StoreId store{};
  std::string store_name;
  std::string host, tls, tls_server_name, ca_pem, pin_sha256, certificate_file, key_file;
  int port = 0;
  bool tls_verify = true;
  std::vector<std::string> other_addresses;  // "host:port"
  std::string bind_method, bind_dn;
  std::vector<std::uint8_t> password_sealed;
  std::string base_dn, filter;
  int page_size = 0;
  bool plain_passwords = false;
};

struct DirectoryMirror {
  LinkId link{};
  std::string link_name;
  DirectoryRecord source, target;
  std::string key_attribute, rdn_attribute;
  std::vector<std::string> object_classes;
  std::string fields;  // JSON
  bool spelling = false;
  std::string deletions;  // keep, disable, delete
  Seconds delete_after{};
  bool remove_foreign = false;
  std::int64_t guard_count = 50, guard_percent = 5, guard_shrink_percent = 10;
  bool guarded_changes_wait = false;
  std::string participation_filter, mailbox_attribute;
  std::size_t window_size = 64;
  std::uint64_t operations_per_second = 0;
};
// nullopt: the link has no directory mirror, or one of its stores no directory.
Task<std::optional<DirectoryMirror>> load_directory_mirror(Pool& pool, LinkId link);

// Runs whose time has come are queued, one a link; a missed one is made up once. Nothing unless the site is
// mirroring.
Task<void> queue_due_directory_runs(Pool& pool);

struct DirectoryRun {
  RunId id{};
  LinkId link{};
  bool apply = false;
  PlanId plan{};  // 0: read anew
  std::vector<std::string> only;
  bool allow_mass_delete = false;
  std::string requested_by;
  std::string reason;
};
// The oldest queued run whose link has no other one under way.
Task<std::optional<DirectoryRun>> take_directory_run(Pool& pool, std::string node);
// Runs a dead self of this node left: they begin anew.
Task<void> requeue_directory_runs(Pool& pool, std::string node);
// A scheduled run failed, and it may go better soon.
Task<void> try_directory_again(Pool& pool, LinkId link);
Task<void> set_run_progress(Pool& pool, RunId run, std::int64_t total, std::int64_t done,
                            std::int64_t failed);

}  // namespace mirror::db

template <>
struct fmt::formatter<mirror::db::PlanId> : fmt::formatter<std::int64_t> {
  auto format(mirror::db::PlanId value, fmt::format_context& context) const {
    return fmt::formatter<std::int64_t>::format(static_cast<std::int64_t>(value), context);
  }
};
