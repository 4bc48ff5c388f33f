// SPDX-License-Identifier: Apache-2.0
#include "mirror/profile.hpp"

#include <fmt/format.h>

#include "base/settings.hpp"

namespace mirror::engine {

namespace {

std::set<imap::Cap> read_caps(base::SettingsTable& table, const std::string& key) {
  std::set<imap::Cap> caps;
  const auto words = table.texts(key);
  if (!words) return caps;
  for (const auto& word : *words) {
    bool known = false;
    for (int i = 0; i <= static_cast<int>(imap::Cap::acl); ++i) {
      const auto cap = static_cast<imap::Cap>(i);
      if (imap::to_text(cap) == word) {
        caps.insert(cap);
        known = true;
      }
    }
    if (!known) table.complain(key, fmt::format("\"{}\" is no capability this program knows", word));
  }
  return caps;
}

template <class T>
void read_into(std::optional<T> value, T& into) {
  if (value) into = std::move(*value);
}

void read_greetings(base::SettingsTable& table, Profile& profile) {
  read_into(table.texts("greetings"), profile.greeting_folders);
  for (const auto& text : table.texts("greeting_headers").value_or(std::vector<std::string>{})) {
    auto header = plan::parse_greeting_header(text);
    if (header)
      profile.greeting_rule.headers.push_back(std::move(*header));
    else
      table.complain("greeting_headers",
                     fmt::format("\"{}\" is neither a header's name nor \"Name: mask\"", text));
  }
  read_into(table.texts("greeting_attachments"), profile.greeting_rule.attachments);
  for (const auto& mask : profile.greeting_rule.attachments)
    if (mask.empty()) table.complain("greeting_attachments", "an empty mask matches no file name");
}

void read_folders(base::SettingsTable table, Profile& profile) {
  read_into(table.texts("exclude"), profile.exclude_folders);
  if (const auto words = table.texts("exclude_attributes"))
    profile.exclude_attributes.insert(words->begin(), words->end());
  read_greetings(table, profile);
  read_into(table.text("refused_characters"), profile.refused_characters);
  read_into(table.text("refused_first"), profile.refused_first);
  table.finish();
}

void read_watch(base::SettingsTable table, Profile& profile) {
  read_into(table.choice("method", {"auto", "idle", "poll", "push"}), profile.watch);
  read_into(table.texts("idle_folders"), profile.idle_folders);
  table.finish();
}

void read_server(base::SettingsTable table, Profile& profile) {
  profile.hidden = read_caps(table, "distrust");
  profile.required = read_caps(table, "required");
  table.finish();
}

}  // namespace

base::Result<Profile> load_profile(const std::string& directory, const std::string& name) {
  Profile profile;
  profile.name = name;
  auto document = base::SettingsDocument::from_file(fmt::format("{}/{}.toml", directory, name));
  if (document.errors().empty()) {
    auto root = document.root();
    (void)root.text("description");
    if (auto table = root.table("folders")) read_folders(std::move(*table), profile);
    if (auto table = root.table("watch")) read_watch(std::move(*table), profile);
    if (auto table = root.table("server")) read_server(std::move(*table), profile);
    root.finish();
  }
  if (!document.errors().empty()) return base::Failure("MRD-CONF-003", document.errors().front().format());
  if (profile.idle_folders.empty()) profile.idle_folders = {"INBOX"};
  return profile;
}

}  // namespace mirror::engine
