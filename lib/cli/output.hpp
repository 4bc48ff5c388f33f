// SPDX-License-Identifier: Apache-2.0
#pragma once

// What mirrorctl prints: answers on stdout, progress and messages on stderr. A pipe gets the same table
// without colour; --json gives the API's own names.

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace mirror::cli {

enum class Format { table, tab, flow, json, ndjson };

struct OutputSettings {
  Format format = Format::table;
  bool headers = true;
  bool colour = false;
  bool quiet = false;
};

struct Column {
  std::string title;
  std::string member;  // of the row's JSON object; "a.b" goes into an inner object
};

class Output {
 public:
  explicit Output(OutputSettings settings) : settings_(settings) {}
  const OutputSettings& settings() const noexcept { return settings_; }
  bool is_json() const noexcept {
    return settings_.format == Format::json || settings_.format == Format::ndjson;
  }

  // Rows (JSON objects) as the format asks.
  void rows(const boost::json::array& items, const std::vector<Column>& columns, std::string_view schema);
  // One object: members one per line, or JSON. Nested values are printed as JSON.
  void object(const boost::json::object& item, std::string_view schema);
  void json(boost::json::object item, std::string_view schema);
  void line(std::string_view text) const;     // stdout
  void note(std::string_view text) const;     // stderr; silent with --quiet
  void next(std::string_view command) const;  // stderr: the command that usually comes next

  // A word in the colour of what it says (in_sync green, failed red ...); plain without colour.
  std::string word(std::string_view status) const;

 private:
  OutputSettings settings_;
};

// Pure.
std::string format_table(const std::vector<std::vector<std::string>>& rows);
std::string text_of(const boost::json::object& item, std::string_view member);  // "" for null and absent
std::int64_t number_of(const boost::json::object& item, std::string_view member);
const boost::json::value* find_member(const boost::json::object& item, std::string_view member);
std::string human_octets(std::int64_t octets);    // "1.5 MiB"
std::string human_seconds(std::int64_t seconds);  // "3 h 12 min"
std::string visible(std::string_view text);       // control characters shown, never sent to the terminal

}  // namespace mirror::cli
