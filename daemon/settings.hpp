// SPDX-License-Identifier: Apache-2.0
#pragma once

// The bootstrap settings of mirrord: /etc/mirrord/mirrord.toml. Everything an administrator edits later lives
// in PostgreSQL.

#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/settings.hpp"
#include "mirror/settings.hpp"
#include "mirror/stream_source.hpp"

namespace mirror::daemon {

// Where other programs post what happened on a store; no listener while listen is empty.
struct PushSettings {
  std::string listen;      // "127.0.0.1:4711": plain HTTP, so loopback or a network of its own
  std::string token_file;  // the secret at the end of /push/STORE/TOKEN; readable by mirrord alone
};

struct DaemonSettings {
  std::string database = "dbname=mirrord";
  std::size_t database_workers = 4;
  std::string schema_directory;
  std::string control_socket = "/run/mirrord/control.sock";
  std::string control_group = "mirrord";
  std::string key_file;  // empty: $CREDENTIALS_DIRECTORY/key
  base::log::Level log_level = base::log::Level::info;
  base::log::Format log_format = base::log::Format::text;
  PushSettings push;
  std::vector<engine::StreamSettings> streams;  // [stream.STORE]
  engine::Settings engine;
};

struct Loaded {
  DaemonSettings settings;
  std::vector<base::SettingsError> errors;
};
Loaded load_settings(const std::string& file);

}  // namespace mirror::daemon
