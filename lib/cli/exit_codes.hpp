// SPDX-License-Identifier: Apache-2.0
#pragma once

// mirrorctl's exit codes: fixed numbers that scripts may rely on (docs, mirrorctl(1)). 69 and above are
// sysexits'.

namespace mirror::cli {

enum Exit : int {
  k_ok = 0,
  k_failed = 1,
  k_usage = 2,
  k_wrong_state = 3,
  k_not_found = 4,
  k_differs = 5,
  k_partly = 6,
  k_unreachable = 69,
  k_try_again = 75,
  k_not_allowed = 77,
  k_bad_config = 78
};

// From an API answer; code is the problem's ("MRD-HTTP-003"), empty when there is none.
int exit_code_of(int http_status, const char* code);

}  // namespace mirror::cli
