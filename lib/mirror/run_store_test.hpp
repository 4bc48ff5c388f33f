// SPDX-License-Identifier: Apache-2.0
#pragma once

// Takes store_test runs from the table (the mask names the store) and leaves the steps in the run's result.
// Allowed in every site state: an operator asked.

#include "mirror/store_test.hpp"
#include "mirror/wake.hpp"

namespace mirror::engine {

Task<void> run_store_tests(World& world, Wake& wake);

}  // namespace mirror::engine
