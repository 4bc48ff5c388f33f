// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reading TOML with errors an administrator can act on: file, line, column, what is wrong and, for an unknown
// key, the nearest known one. The reader of each document declares the keys it knows; nothing is ignored
// silently.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"

namespace mirror::base {

struct SettingsError {
  std::string file;
  unsigned line = 0;  // 1-based; 0 when the file could not be read
  unsigned column = 0;
  std::string text;            // "unknown key \"prot\"; did you mean \"port\"?"
  std::string format() const;  // "file:line:column: text"
};

// One table of a TOML document. Every getter marks its key as known; finish() reports the rest. Errors
// collect in the document, so that a person sees all of them at once.
class SettingsTable;

class SettingsDocument {
 public:
  static SettingsDocument from_file(const std::string& path);
  static SettingsDocument from_text(std::string_view text, std::string file_name);
  ~SettingsDocument();
  SettingsDocument(SettingsDocument&&) noexcept;

  SettingsTable root();
  const std::vector<SettingsError>& errors() const;

 private:
  friend class SettingsTable;
  struct State;
  explicit SettingsDocument(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class SettingsTable {
 public:
  bool has(std::string_view key);
  std::optional<std::string> text(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t lowest, std::int64_t highest);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::chrono::milliseconds> duration(std::string_view key);  // "250ms" "60s" "5m" "4h" "1d"
  std::optional<std::uint64_t> size(std::string_view key);                  // "64KiB" "8MiB" or octets
  std::optional<std::vector<std::string>> texts(std::string_view key);
  // one of the words given; another is an error that names the nearest
  std::optional<std::string> choice(std::string_view key, const std::vector<std::string>& words);
  std::optional<SettingsTable> table(std::string_view key);
  std::vector<SettingsTable> tables(std::string_view key);                                // [[key]]
  std::vector<std::pair<std::string, SettingsTable>> named_tables(std::string_view key);  // [key.NAME]
  void require(std::string_view key);                     // an error at this table when it is missing
  void complain(std::string_view key, std::string text);  // an error at the key's place
  void finish();                                          // unknown keys become errors

 private:
  friend class SettingsDocument;
  struct State;
  explicit SettingsTable(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// The known word nearest to a misspelt one, or nullopt when none is near. Also used by mirrorctl.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace mirror::base
