// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a log line looks; pure. Control characters (C0, DEL, C1) and octets that are no UTF-8 are escaped in
// every form, so that a server's words can neither forge a line nor drive a terminal.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"

namespace mirror::base::log {

struct Line {
  Level level;
  std::string_view event;
  std::string_view message;
  std::span<const Field> fields;
  std::int64_t unix_milliseconds;
};

std::string_view to_text(Level level);
// "2026-01-31T12:00:00.000Z warning store.lost connection lost store=prod detail=\"no answer\"", no line end.
std::string text_line(const Line& line);
std::string json_line(const Line& line);
// "NAME=value" strings for sd_journal_sendv: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, MIRRORD_EVENT,
// MIRRORD_<FIELD>.
std::vector<std::string> journal_fields(const Line& line);

}  // namespace mirror::base::log
