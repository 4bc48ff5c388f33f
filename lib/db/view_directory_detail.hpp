// SPDX-License-Identifier: Apache-2.0
#pragma once

// For lib/db alone: a plan and its counts, for the status and for the list of plans.

#include "db/faces_detail.hpp"
#include "db/view_directory.hpp"

namespace mirror::db {

// Rows of directory_plan p with their link l and their counts c ("where p. ..." goes behind it).
extern const char* const k_directory_plan_view;

}  // namespace mirror::db
