// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <chrono>

#include "base/message_facts.hpp"

namespace mirror::base {
namespace {

constexpr std::array<std::string_view, 12> k_months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Takes exactly count digits off the front; nullopt when they are not there.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<int> take_month(std::string_view& text) {
  if (text.size() < 3) return std::nullopt;
  const auto lower = [](char c) { return static_cast<char>(c | 0x20); };
  for (std::size_t month = 0; month < k_months.size(); ++month) {
    const auto name = k_months[month];
    if (lower(text[0]) != lower(name[0]) || lower(text[1]) != name[1] || lower(text[2]) != name[2]) continue;
    text.remove_prefix(3);
    return static_cast<int>(month) + 1;
  }
  return std::nullopt;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  take(text, ' ');
  auto day = take_digits(text, 2);
  if (!day) day = take_digits(text, 1);  // unpadded, seen in the field
  if (!day || !take(text, '-')) return std::nullopt;
  const auto month = take_month(text);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto year = take_digits(text, 4);
  if (!year) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date};
}

std::optional<int> take_time(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59 || !take(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *second > 60) return std::nullopt;  // 60: a leap second, the instant after :59
  return (*hour * 60 + *minute) * 60 + *second;
}

std::optional<int> take_zone(std::string_view& text) {
  const bool west = !text.empty() && text.front() == '-';
  if (!west && (text.empty() || text.front() != '+')) return std::nullopt;
  text.remove_prefix(1);
  const auto hours = take_digits(text, 2);
  if (!hours) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  const int zone = *hours * 60 + *minutes;
  return west ? -zone : zone;
}

}  // namespace

std::optional<InternalDate> InternalDate::parse(std::string_view text) {
  const auto date = take_date(text);
  if (!date || !take(text, ' ')) return std::nullopt;
  const auto seconds = take_time(text);
  if (!seconds || !take(text, ' ')) return std::nullopt;
  const auto zone = take_zone(text);
  if (!zone || !text.empty()) return std::nullopt;
  InternalDate out;
  out.unix_seconds =
      std::int64_t{date->time_since_epoch().count()} * 86400 + *seconds - std::int64_t{*zone} * 60;
  out.zone_minutes = *zone;
  return out;
}

std::string InternalDate::text() const {
  using std::chrono::days;
  const std::chrono::sys_seconds local{std::chrono::seconds{unix_seconds + std::int64_t{zone_minutes} * 60}};
  const auto midnight = std::chrono::floor<days>(local);
  const std::chrono::year_month_day date{midnight};
  const std::chrono::hh_mm_ss clock{local - midnight};
  const int zone = zone_minutes < 0 ? -zone_minutes : zone_minutes;
  return fmt::format("{:>2}-{}-{:04} {:02}:{:02}:{:02} {}{:02}{:02}", static_cast<unsigned>(date.day()),
                     k_months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     zone_minutes < 0 ? '-' : '+', zone / 60, zone % 60);
}

}  // namespace mirror::base
