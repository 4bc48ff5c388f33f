// SPDX-License-Identifier: Apache-2.0
#pragma once

// The whole of mirrorctl but main(): parse, run, map every end to an exit code.

namespace mirror::cli {

int run_app(int argc, const char* const* argv, const char* version, const char* commit);

}  // namespace mirror::cli
