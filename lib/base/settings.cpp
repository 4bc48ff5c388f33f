// SPDX-License-Identifier: Apache-2.0
#include "base/settings.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

namespace mirror::base {

struct SettingsDocument::State {
  std::string file;
  toml::table root;
  std::vector<SettingsError> errors;                          // in the order of the file
  std::map<const toml::table*, std::set<std::string>> known;  // keys asked for, per table

  void complain(const toml::source_position& at, std::string text) {
    SettingsError error;
    error.file = file;
    error.line = at.line;
    error.column = at.column;
    error.text = std::move(text);
    const auto place = std::upper_bound(
        errors.begin(), errors.end(), error,
        [](const auto& a, const auto& b) { return std::tie(a.line, a.column) < std::tie(b.line, b.column); });
    errors.insert(place, std::move(error));
  }
};

struct SettingsTable::State {
  SettingsDocument::State* document = nullptr;  // outlives every table
  const toml::table* table = nullptr;

  const toml::node* find(std::string_view key) const {
    document->known[table].emplace(key);
    return table->get(key);
  }
  void complain(const toml::node& node, std::string text) const {
    document->complain(node.source().begin, std::move(text));
  }
  SettingsTable child(const toml::table& inner) const {
    auto state = std::make_shared<State>();
    state->document = document;
    state->table = &inner;
    return SettingsTable(std::move(state));
  }
};

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// A whole number and one of the units; nullopt for anything else, overflow included.
template <std::size_t N>
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const std::array<Unit, N>& units) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view name(stop, static_cast<std::size_t>(end - stop));
  for (const auto& unit : units) {
    if (unit.name != name) continue;
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / unit.factor)
      return std::nullopt;
    return value * unit.factor;
  }
  return std::nullopt;
}

constexpr std::array<Unit, 5> k_durations{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
// Ten years: added to a point in time, or taken four times, it still is one.
constexpr std::uint64_t k_longest_days = 3650;
constexpr std::uint64_t k_longest = k_longest_days * 86'400'000;
constexpr std::array<Unit, 6> k_sizes{
    {{"", 1}, {"B", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}, {"TiB", 1ULL << 40}}};

std::string list_of(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "\"" : ", \"") + word + '"';
  return out;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  const auto near = nearest(word, known);
  return near ? fmt::format("; did you mean \"{}\"?", *near) : std::string{};
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto value = parse_with_unit(text, k_durations);
  if (!value || *value > k_longest) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(*value));
}

std::string SettingsError::format() const {
  if (line == 0) return fmt::format("{}: {}", file, text);
  return fmt::format("{}:{}:{}: {}", file, line, column, text);
}

SettingsDocument::SettingsDocument(std::unique_ptr<State> state) : state_(std::move(state)) {}
SettingsDocument::~SettingsDocument() = default;
SettingsDocument::SettingsDocument(SettingsDocument&&) noexcept = default;

SettingsDocument SettingsDocument::from_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  // A directory opens but does not read: seen by the state after the first look.
  if (file && file.peek() != std::ifstream::traits_type::eof())
    text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) {
    auto state = std::make_unique<State>();
    state->file = path;
    state->complain({}, "cannot be read");
    return SettingsDocument(std::move(state));
  }
  return from_text(text, path);
}

SettingsDocument SettingsDocument::from_text(std::string_view text, std::string file_name) {
  auto state = std::make_unique<State>();
  state->file = std::move(file_name);
  try {
    state->root = toml::parse(text, state->file);
  } catch (const toml::parse_error& error) {
    state->complain(error.source().begin, std::string(error.description()));
  }
  return SettingsDocument(std::move(state));
}

SettingsTable SettingsDocument::root() {
  auto state = std::make_shared<SettingsTable::State>();
  state->document = state_.get();
  state->table = &state_->root;
  return SettingsTable(std::move(state));
}

const std::vector<SettingsError>& SettingsDocument::errors() const {
  return state_->errors;
}

bool SettingsTable::has(std::string_view key) {
  return state_->find(key) != nullptr;
}

std::optional<std::string> SettingsTable::text(std::string_view key) {
  const auto* const node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* const value = node->as_string()) return value->get();
  state_->complain(*node, fmt::format("\"{}\" must be a text in quotes", key));
  return std::nullopt;
}

std::optional<std::int64_t> SettingsTable::integer(std::string_view key, std::int64_t lowest,
                                                   std::int64_t highest) {
  const auto* const node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  const auto* const value = node->as_integer();
  if (value != nullptr && value->get() >= lowest && value->get() <= highest) return value->get();
  state_->complain(*node, fmt::format("\"{}\" must be a whole number from {} to {}", key, lowest, highest));
  return std::nullopt;
}

std::optional<bool> SettingsTable::boolean(std::string_view key) {
  const auto* const node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* const value = node->as_boolean()) return value->get();
  state_->complain(*node, fmt::format("\"{}\" must be true or false", key));
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> SettingsTable::duration(std::string_view key) {
  const auto* const node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  const auto* const value = node->as_string();
  const auto parsed = value == nullptr ? std::nullopt : parse_duration(value->get());
  if (!parsed && value != nullptr && parse_with_unit(value->get(), k_durations))
    state_->complain(*node, fmt::format("\"{}\" must be at most \"{}d\"", key, k_longest_days));
  else if (!parsed)
    state_->complain(
        *node, fmt::format("\"{}\" must be a time such as \"250ms\", \"60s\", \"5m\", \"4h\", \"1d\"", key));
  return parsed;
}

std::optional<std::uint64_t> SettingsTable::size(std::string_view key) {
  const auto* const node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* const octets = node->as_integer(); octets != nullptr && octets->get() >= 0)
    return static_cast<std::uint64_t>(octets->get());
  const auto* const value = node->as_string();
  const auto parsed = value == nullptr ? std::nullopt : parse_with_unit(value->get(), k_sizes);
  if (!parsed)
    state_->complain(
        *node, fmt::format("\"{}\" must be a size such as \"64KiB\", \"8MiB\" or a number of octets", key));
  return parsed;
}

std::optional<std::vector<std::string>> SettingsTable::texts(std::string_view key) {
  const auto* const node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  const auto* const array = node->as_array();
  if (array == nullptr) {
    state_->complain(*node, fmt::format("\"{}\" must be a list of texts, [\"...\"]", key));
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (const auto& item : *array) {
    if (const auto* const value = item.as_string())
      out.push_back(value->get());
    else
      state_->complain(item, fmt::format("\"{}\" must hold texts in quotes only", key));
  }
  return out;
}

std::optional<std::string> SettingsTable::choice(std::string_view key,
                                                 const std::vector<std::string>& words) {
  const auto* const node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  const auto* const value = node->as_string();
  if (value == nullptr) {
    state_->complain(*node, fmt::format("\"{}\" must be one of {}", key, list_of(words)));
    return std::nullopt;
  }
  if (std::find(words.begin(), words.end(), value->get()) != words.end()) return value->get();
  const auto hint = suggestion(value->get(), words);
  state_->complain(*node, fmt::format("\"{}\" is no value for \"{}\"{}", value->get(), key,
                                      hint.empty() ? "; it must be one of " + list_of(words) : hint));
  return std::nullopt;
}

std::optional<SettingsTable> SettingsTable::table(std::string_view key) {
  const auto* const node = state_->find(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* const inner = node->as_table()) return state_->child(*inner);
  state_->complain(*node, fmt::format("\"{}\" must be a table, [{}]", key, key));
  return std::nullopt;
}

std::vector<SettingsTable> SettingsTable::tables(std::string_view key) {
  const auto* const node = state_->find(key);
  std::vector<SettingsTable> out;
  if (node == nullptr) return out;
  const auto* const array = node->as_array();
  if (array == nullptr) {
    state_->complain(*node, fmt::format("\"{}\" must be a list of tables, [[{}]]", key, key));
    return out;
  }
  for (const auto& item : *array) {
    if (const auto* const inner = item.as_table())
      out.push_back(state_->child(*inner));
    else
      state_->complain(item, fmt::format("\"{}\" must be a list of tables, [[{}]]", key, key));
  }
  return out;
}

std::vector<std::pair<std::string, SettingsTable>> SettingsTable::named_tables(std::string_view key) {
  std::vector<std::pair<std::string, SettingsTable>> out;
  const auto* const node = state_->find(key);
  if (node == nullptr) return out;
  const auto* const outer = node->as_table();
  if (outer == nullptr) {
    state_->complain(*node, fmt::format("\"{}\" must be named tables, [{}.NAME]", key, key));
    return out;
  }
  for (const auto& [name, item] : *outer) {
    if (const auto* const inner = item.as_table())
      out.emplace_back(std::string(name.str()), state_->child(*inner));
    else
      state_->complain(item,
                       fmt::format("\"{}.{}\" must be a table, [{}.{}]", key, name.str(), key, name.str()));
  }
  return out;
}

void SettingsTable::require(std::string_view key) {
  if (state_->find(key) == nullptr) state_->complain(*state_->table, fmt::format("\"{}\" is missing", key));
}

void SettingsTable::complain(std::string_view key, std::string text) {
  const auto* const node = state_->find(key);
  state_->complain(node == nullptr ? *state_->table : *node, std::move(text));
}

void SettingsTable::finish() {
  const auto& known = state_->document->known[state_->table];
  const std::vector<std::string> words(known.begin(), known.end());
  for (const auto& [key, node] : *state_->table) {
    if (known.contains(std::string(key.str()))) continue;
    state_->document->complain(key.source().begin,
                               fmt::format("unknown key \"{}\"{}", key.str(), suggestion(key.str(), words)));
  }
}

}  // namespace mirror::base
