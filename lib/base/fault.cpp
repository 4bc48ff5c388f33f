// SPDX-License-Identifier: Apache-2.0
#include "base/fault.hpp"

#ifdef MIRROR_FAULTS
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

namespace mirror::base {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto k_database_away = std::chrono::milliseconds(500);

std::string setting(const char* name) {
  const char* const text = std::getenv(name);
  return text != nullptr ? text : "";
}

struct Plan {
  std::string log = setting("MIRROR_STEP_LOG");
  std::string kind, what = setting("MIRROR_STEP_DO");
  long at = 0;
  std::string point = setting("MIRROR_KILL_POINT");
  long visit = std::max(1L, std::atol(setting("MIRROR_KILL_VISIT").c_str()));

  Plan() {
    const std::string step = setting("MIRROR_STEP");
    const auto colon = step.rfind(':');
    kind = step.substr(0, colon);
    if (colon != std::string::npos) at = std::atol(step.c_str() + colon + 1);
  }
};

const Plan& plan() {
  static const Plan made;
  return made;
}

std::atomic<Clock::rep> database_back{0};

long count(const std::string& kind, std::string_view name) {
  static std::mutex lock;
  static std::map<std::string, long> counts;
  const std::lock_guard guard(lock);
  const long number = ++counts[kind];
  if (!plan().log.empty())
    std::ofstream(plan().log, std::ios::app) << kind << ' ' << number << ' ' << name << '\n';
  return number;
}

}  // namespace

Lost fault_step(std::string_view owner, std::string_view part, std::string_view name) {
  if (plan().log.empty() && plan().at == 0) return Lost::nothing;
  const std::string kind = owner.empty() ? std::string(part) : std::string(owner) + "." + std::string(part);
  if (count(kind, name) != plan().at || kind != plan().kind) return Lost::nothing;
  if (plan().what == "connection") return Lost::connection;
  if (plan().what == "stop") {
    std::raise(SIGSTOP);
    return Lost::nothing;
  }
  if (plan().what != "database") std::raise(SIGKILL);
  database_back = (Clock::now() + k_database_away).time_since_epoch().count();
  return Lost::database;
}

bool fault_database_gone() {
  return Clock::now().time_since_epoch().count() < database_back;
}

void fault_point(std::string_view name) {
  fault_step({}, "state", name);
  static long visits = 0;
  if (!plan().point.empty() && name == plan().point && ++visits == plan().visit)
    std::raise(plan().what == "stop" ? SIGSTOP : SIGKILL);
}

void fault_throw(std::string_view name) {
  static const char* const file = std::getenv("MIRROR_THROW_FILE");
  if (file == nullptr) return;
  std::string word;
  std::ifstream(file) >> word;
  if (word != name) return;
  std::remove(file);
  throw std::runtime_error("planted failure in " + word);
}

}  // namespace mirror::base
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
// libpqxx 6 forgets the result that told it of a lost connection; everything else that leaks is ours to mend.
// NOLINTBEGIN(bugprone-reserved-identifier): the name is LeakSanitizer's.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libpqxx\n";
}
// NOLINTEND(bugprone-reserved-identifier)
#endif
#endif
