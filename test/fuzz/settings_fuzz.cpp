// SPDX-License-Identifier: Apache-2.0
// mirrord.toml and the profile of a server as a person edits them: any text is safe, what is wrong has a
// place, and what is taken is within its bounds.
#include "../../daemon/settings.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "mirror/profile.hpp"

namespace {

using namespace mirror;

// Both are read from a file.
struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / "mm-fuzz-XXXXXX").string();
  std::string file;

  Folder() {
    if (::mkdtemp(path.data()) == nullptr) std::abort();
    file = path + "/mine.toml";
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

void require(bool good) {
  if (!good) std::abort();
}

void read_settings(const std::string& file) {
  const daemon::Loaded loaded = daemon::load_settings(file);
  for (const auto& error : loaded.errors)
    require(error.line > 0 && !error.text.empty() && error.format().find(file) == 0);
  if (!loaded.errors.empty()) return;
  const auto& engine = loaded.settings.engine;
  require(engine.lease >= 4 * engine.send_within);
  for (const auto pause : {engine.pass_interval, engine.review_interval, engine.rebuild_interval,
                           engine.retry_first, engine.probe_first})
    require(pause.count() > 0);
  require(engine.heartbeat.count() > 0 && engine.watch_poll.count() > 0);
  require(engine.workers > 0 && engine.window.messages > 0 && loaded.settings.database_workers > 0);
  for (const auto& stream : loaded.settings.streams)
    require(!stream.endpoint.host.empty() && stream.endpoint.port != 0);
  require(loaded.settings.push.listen.empty() || !loaded.settings.push.token_file.empty());
}

void read_profile(const std::string& folder) {
  const auto profile = engine::load_profile(folder, "mine");
  if (!profile) {
    require(profile.error().code() == "MRD-CONF-003" &&
            profile.error().detail().find("mine.toml:") != std::string::npos);
    return;
  }
  require(!profile->idle_folders.empty());
  for (const auto& mask : profile->greeting_rule.attachments) require(!mask.empty());
  for (const auto& header : profile->greeting_rule.headers) require(!header.name.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Folder folder;
  std::ofstream(folder.file, std::ios::binary) << std::string_view(reinterpret_cast<const char*>(data), size);
  read_settings(folder.file);
  read_profile(folder.path);
  return 0;
}
