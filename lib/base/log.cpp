// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <fmt/format.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>

#include "base/log_detail.hpp"

namespace mirror::base::log {
namespace {

using Steady = std::chrono::steady_clock;

// Within this time after the first, an identical warning or error is only counted.
constexpr auto k_repeat_window = std::chrono::seconds(60);
constexpr std::size_t k_repeat_kinds = 256;

struct Repeat {
  Steady::time_point since;
  std::uint64_t more = 0;
  Level level;
  std::string event, message;
  std::vector<Field> fields;
};

void write_all(std::string_view text) {
  while (!text.empty()) {
    const auto done = ::write(STDERR_FILENO, text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return;  // nobody reads: a log that cannot be written must not stop the work
    text.remove_prefix(static_cast<std::size_t>(done));
  }
}

void send_to_journal(const Line& line) {
  auto texts = journal_fields(line);
  std::vector<iovec> parts;
  parts.reserve(texts.size());
  for (auto& text : texts) parts.push_back({text.data(), text.size()});
  ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

std::int64_t unix_milliseconds() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

class Sink {
 public:
  void configure(Level lowest, Format format) {
    const std::lock_guard lock(mutex_);
    report_repeats(std::nullopt);
    lowest_ = lowest;
    format_ = format;
  }

  void flush() {
    const std::lock_guard lock(mutex_);
    report_repeats(std::nullopt);
  }

  void write(Level level, std::string_view event, std::string_view message, std::span<const Field> fields) {
    const std::lock_guard lock(mutex_);
    const auto now = Steady::now();
    report_repeats(now);
    if (level < lowest_) return;
    const Line line{level, event, message, fields, unix_milliseconds()};
    if (level >= Level::warning && is_repeat(line, now)) return;
    put(line);
  }

 private:
  void put(const Line& line) {
    if (format_ == Format::journal)
      send_to_journal(line);
    else
      write_all((format_ == Format::json ? json_line(line) : text_line(line)) + '\n');
  }

  bool is_repeat(const Line& line, Steady::time_point now) {
    Line timeless = line;
    timeless.unix_milliseconds = 0;
    const auto key = text_line(timeless);
    if (const auto seen = repeats_.find(key); seen != repeats_.end()) {
      ++seen->second.more;
      return true;
    }
    if (repeats_.size() < k_repeat_kinds) {
      Repeat first;
      first.since = now;
      first.level = line.level;
      first.event = line.event;
      first.message = line.message;
      first.fields.assign(line.fields.begin(), line.fields.end());
      repeats_.emplace(key, std::move(first));
    }
    return false;
  }

  // Says how often each line came again whose window is over at now (all of them without now).
  void report_repeats(std::optional<Steady::time_point> now) {
    for (auto at = repeats_.begin(); at != repeats_.end();) {
      auto& repeat = at->second;
      if (now && *now - repeat.since < k_repeat_window) {
        ++at;
        continue;
      }
      if (repeat.more > 0) {
        const auto message = fmt::format("{} (repeated {} times)", repeat.message, repeat.more);
        put(Line{repeat.level, repeat.event, message, repeat.fields, unix_milliseconds()});
      }
      at = repeats_.erase(at);
    }
  }

  std::mutex mutex_;
  Level lowest_ = Level::info;
  Format format_ = Format::text;
  std::map<std::string, Repeat> repeats_;
};

Sink& sink() {
  static Sink* const the_sink = new Sink;  // never destroyed: threads may log while the process exits
  return *the_sink;
}

}  // namespace

void configure(Level lowest, Format format) {
  sink().configure(lowest, format);
}

void flush() {
  sink().flush();
}

void write(Level level, std::string_view event, std::string_view message,
           std::initializer_list<Field> fields) {
  sink().write(level, event, message, std::span<const Field>(fields.begin(), fields.size()));
}

}  // namespace mirror::base::log
