// SPDX-License-Identifier: Apache-2.0
#pragma once

// Structured log: one line per fact, constant message text, variables in fields. Text or JSON on stderr, or
// the journal when stderr is one (sd-journal). Thread safe. Secrets and message content never come here. An
// identical warning or error within a minute of the first is only counted, and reported as "(repeated N
// times)".

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace mirror::base::log {

enum class Level { debug, info, warning, error };
enum class Format { text, json, journal };

// A field's value is already text; numbers go through fmt::to_string.
using Field = std::pair<std::string_view, std::string>;

void configure(Level lowest, Format format);
void flush();  // reports the repetitions counted so far; called before the process exits
void write(Level level, std::string_view event, std::string_view message,
           std::initializer_list<Field> fields = {});

inline void debug(std::string_view event, std::string_view message,
                  std::initializer_list<Field> fields = {}) {
  write(Level::debug, event, message, fields);
}
inline void info(std::string_view event, std::string_view message, std::initializer_list<Field> fields = {}) {
  write(Level::info, event, message, fields);
}
inline void warning(std::string_view event, std::string_view message,
                    std::initializer_list<Field> fields = {}) {
  write(Level::warning, event, message, fields);
}
inline void error(std::string_view event, std::string_view message,
                  std::initializer_list<Field> fields = {}) {
  write(Level::error, event, message, fields);
}

}  // namespace mirror::base::log
