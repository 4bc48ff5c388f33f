// SPDX-License-Identifier: Apache-2.0
#include "base/fault.hpp"

#ifdef MIRROR_FAULTS
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>

namespace mirror::base {

void fault_point(std::string_view name) {
  static const char* const log_file = std::getenv("MIRROR_FAULT_LOG");
  static const char* const at_text = std::getenv("MIRROR_KILL_AT");
  static const char* const point = std::getenv("MIRROR_KILL_POINT");
  static const char* const visit_text = std::getenv("MIRROR_KILL_VISIT");
  static const long at = at_text != nullptr ? std::atol(at_text) : 0;
  static const long visit = visit_text != nullptr ? std::atol(visit_text) : 1;
  static long step = 0;
  static long visits = 0;
  ++step;
  if (log_file != nullptr) std::ofstream(log_file, std::ios::app) << step << ' ' << name << '\n';
  if (point != nullptr && name == point) ++visits;
  if ((at != 0 && step == at) || (point != nullptr && name == point && visits == visit)) std::raise(SIGKILL);
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
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libpqxx\n";
}
#endif
#endif
