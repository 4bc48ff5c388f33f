// SPDX-License-Identifier: Apache-2.0
#pragma once

// For lib/db alone: a run inside a transaction of the caller.

#include "db/faces_detail.hpp"
#include "db/view_runs.hpp"

namespace mirror::db {

extern const char* const k_run_view;

std::int64_t insert_run(Transaction& tx, const NewRun& run, const Actor& actor);

}  // namespace mirror::db
