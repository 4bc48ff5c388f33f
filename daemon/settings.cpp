// SPDX-License-Identifier: Apache-2.0
#include "settings.hpp"

#include "push.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace mirror::daemon {

namespace {

using base::SettingsTable;
using engine::Millis;
using std::chrono::duration_cast;

template <class T, class V>
void set(T& into, std::optional<V> value) {
  if (value) into = static_cast<T>(std::move(*value));
}

// At least one of what it is counted in: less than that would be none at all.
template <class D>
void read_time(SettingsTable& table, std::string_view key, D& into, D lowest = D{1}) {
  const auto value = table.duration(key);
  if (!value) return;
  if (*value >= lowest)
    into = duration_cast<D>(*value);
  else
    table.complain(key, fmt::format("\"{}\" must be at least {} ms", key, Millis(lowest).count()));
}

void read_database(SettingsTable table, DaemonSettings& s) {
  set(s.database, table.text("connection"));
  set(s.database_workers, table.integer("workers", 1, 64));
  set(s.schema_directory, table.text("schema_directory"));
  table.finish();
}

void read_control(SettingsTable table, DaemonSettings& s) {
  set(s.control_socket, table.text("socket"));
  set(s.control_group, table.text("group"));
  table.finish();
}

void read_log(SettingsTable table, DaemonSettings& s) {
  if (const auto level = table.choice("level", {"debug", "info", "warning", "error"}))
    s.log_level = *level == "debug"     ? base::log::Level::debug
                  : *level == "info"    ? base::log::Level::info
                  : *level == "warning" ? base::log::Level::warning
                                        : base::log::Level::error;
  if (const auto format = table.choice("format", {"text", "json", "journal"}))
    s.log_format = *format == "json"      ? base::log::Format::json
                   : *format == "journal" ? base::log::Format::journal
                                          : base::log::Format::text;
  table.finish();
}

void read_push(SettingsTable table, PushSettings& p) {
  set(p.listen, table.text("listen"));
  set(p.token_file, table.text("token_file"));
  if (!p.listen.empty() && !parse_address(p.listen))
    table.complain("listen", "an address with a port is wanted, \"127.0.0.1:4711\"");
  if (!p.listen.empty()) table.require("token_file");
  table.finish();
}

// A store's own event stream: where it is, and whether TLS protects it.
engine::StreamSettings read_stream(const std::string& store, SettingsTable table) {
  engine::StreamSettings stream;
  stream.store = store;
  stream.endpoint.tls = net::TlsMode::none;
  table.require("address");
  if (const auto text = table.text("address")) {
    const auto address = parse_address(*text);
    if (!address) table.complain("address", "an address with a port is wanted, \"127.0.0.1:4712\"");
    if (address) std::tie(stream.endpoint.host, stream.endpoint.port) = *address;
  }
  if (table.boolean("tls").value_or(false)) stream.endpoint.tls = net::TlsMode::implicit;
  set(stream.endpoint.tls_settings.ca_file, table.text("ca_file"));
  read_time(table, "silence", stream.silence);
  read_time(table, "longest_pause", stream.longest_pause);
  table.finish();
  return stream;
}

void read_engine(SettingsTable table, engine::Settings& e) {
  set(e.workers, table.integer("workers", 1, 64));
  read_time(table, "coalesce", e.coalesce, Millis{0});
  read_time(table, "echo", e.echo, Millis{0});
  read_time(table, "pass_interval", e.pass_interval);
  read_time(table, "lease", e.lease);
  read_time(table, "send_within", e.send_within);
  if (e.lease < 4 * e.send_within)
    table.complain("lease", "\"lease\" must be at least four times send_within");
  read_time(table, "review_interval", e.review_interval);
  read_time(table, "rebuild_interval", e.rebuild_interval);
  read_time(table, "heartbeat", e.heartbeat);
  read_time(table, "idle_session", e.idle_session);
  read_time(table, "silence", e.silence);
  read_time(table, "retry_first", e.retry_first);
  read_time(table, "retry_longest", e.retry_longest);
  read_time(table, "probe_first", e.probe_first);
  read_time(table, "probe_longest", e.probe_longest);
  read_time(table, "probe_refused", e.probe_refused);
  set(e.watch_limit, table.integer("watch_limit", 0, 100000));
  read_time(table, "watch_renew", e.watch_renew);
  read_time(table, "watch_poll", e.watch_poll);
  set(e.window.messages, table.integer("window_messages", 1, 1000));
  set(e.window.octets, table.size("window_octets"));
  set(e.profile_directory, table.text("profile_directory"));
  set(e.hook_directory, table.text("hook_directory"));
  set(e.state_directory, table.text("state_directory"));
  set(e.node, table.text("node"));
  table.finish();
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data())
                                                          : std::string("localhost");
}

}  // namespace

Loaded load_settings(const std::string& file) {
  Loaded loaded;
  auto& s = loaded.settings;
  s.schema_directory = MIRROR_SCHEMA_DIR;
  s.engine.profile_directory = MIRROR_PROFILE_DIR;
  s.engine.hook_directory = "/etc/mirrord/hooks.d";
  s.engine.state_directory = "/var/lib/mirrord";
  s.engine.host = host_name();
  s.engine.node = s.engine.host;
  if (const char* credentials = std::getenv("CREDENTIALS_DIRECTORY"))
    s.key_file = std::string(credentials) + "/key";
  auto document = base::SettingsDocument::from_file(file);
  if (document.errors().empty()) {
    auto root = document.root();
    set(s.key_file, root.text("key_file"));
    if (auto table = root.table("database")) read_database(std::move(*table), s);
    if (auto table = root.table("control")) read_control(std::move(*table), s);
    if (auto table = root.table("log")) read_log(std::move(*table), s);
    if (auto table = root.table("push")) read_push(std::move(*table), s.push);
    for (auto& [store, table] : root.named_tables("stream"))
      s.streams.push_back(read_stream(store, std::move(table)));
    if (auto table = root.table("engine")) read_engine(std::move(*table), s.engine);
    root.finish();
  }
  loaded.errors = document.errors();
  return loaded;
}

}  // namespace mirror::daemon
