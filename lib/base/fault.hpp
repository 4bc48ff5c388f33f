// SPDX-License-Identifier: Apache-2.0
#pragma once

// Steps at which a test build can be broken; in a build without MIRROR_FAULTS they are nothing. A step is a
// flush to a server, a line or literal read from one, a COMMIT answered to a pass, or a named state change.
// Steps are counted by kind, so that a number names the same step in each run of one scenario:
//
//   MIRROR_STEP=KIND:N         breaks at the N-th step of that kind: "dr.line:17", "commit:3", "state:5"
//   MIRROR_STEP_DO=die         SIGKILL (the default); "connection" loses the connection the step is on,
//                              "database" loses PostgreSQL for half a second, "stop" is SIGSTOP
//   MIRROR_STEP_LOG=FILE       receives "KIND N NAME" for each step
//   MIRROR_KILL_POINT=NAME     dies at the state change of that name, or stops with MIRROR_STEP_DO=stop
//                              (MIRROR_KILL_VISIT=K: at its K-th visit)

#include <string_view>

namespace mirror::base {

enum class Lost { nothing, connection, database };

#ifdef MIRROR_FAULTS
// Counts a step of the kind "owner.part" ("part" alone without an owner) and dies there if asked to; what it
// returns is for the caller to lose. Any thread.
Lost fault_step(std::string_view owner, std::string_view part, std::string_view name = {});
// True while a planted loss of the database lasts.
bool fault_database_gone();
// A state change: a step of the kind "state".
void fault_point(std::string_view name);
// Throws std::runtime_error when the file that MIRROR_THROW_FILE names holds this name; the file is removed
// first.
void fault_throw(std::string_view name);
#else
inline Lost fault_step(std::string_view, std::string_view, std::string_view = {}) {
  return Lost::nothing;
}
inline bool fault_database_gone() {
  return false;
}
inline void fault_point(std::string_view) {}
inline void fault_throw(std::string_view) {}
#endif

}  // namespace mirror::base
