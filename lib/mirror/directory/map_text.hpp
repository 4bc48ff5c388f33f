// SPDX-License-Identifier: Apache-2.0
#pragma once

// The configured map of fields, ready for use.

#include "base/failure.hpp"
#include "db/directory.hpp"
#include "mirror/plan/directory_map.hpp"

namespace mirror::directory {

// MRD-DIR-006: the map is wrong. An empty list gives the sixteen fields of a subscriber.
base::Result<plan::DirectoryMap> parse_map(const db::DirectoryMirror& mirror);

}  // namespace mirror::directory
