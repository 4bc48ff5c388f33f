// SPDX-License-Identifier: Apache-2.0
#pragma once

// The service "directory": runs that are due or asked for, one after the other.

#include "mirror/directory/side.hpp"
#include "mirror/wake.hpp"

namespace mirror::directory {

Task<void> run_directory(Context& context, engine::Wake& wake);

}  // namespace mirror::directory
