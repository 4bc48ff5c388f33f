// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a step of a folder says of itself before it is sent (JSON): after a crash the history tells by it what
// may have happened.

#include <string>
#include <vector>

namespace mirror::engine {

// {"folders": [...]}
std::string folders_detail(const std::vector<std::string>& names);
// {"from": ..., "to": ...}
std::string rename_detail(const std::string& from, const std::string& to);

}  // namespace mirror::engine
