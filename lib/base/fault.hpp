// SPDX-License-Identifier: Apache-2.0
#pragma once

// Step points for the kill tests. In a build without MIRROR_FAULTS they are nothing. In a test build the
// process counts them and dies by SIGKILL at the one the environment names: MIRROR_KILL_AT=n, or
// MIRROR_KILL_POINT=name (its k-th visit with MIRROR_KILL_VISIT=k). MIRROR_FAULT_LOG=file receives one line
// per step.

#include <string_view>

namespace mirror::base {

#ifdef MIRROR_FAULTS
void fault_point(std::string_view name);
// Throws std::runtime_error when the file that MIRROR_THROW_FILE names holds this name; the file is removed
// first.
void fault_throw(std::string_view name);
#else
inline void fault_point(std::string_view) {}
inline void fault_throw(std::string_view) {}
#endif

}  // namespace mirror::base
