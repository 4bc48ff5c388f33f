// SPDX-License-Identifier: Apache-2.0
#pragma once

// The catalogue of error codes: one row per code, the single source for logs, API, CLI and docs/errors.md.

#include <span>
#include <string_view>

#include "base/failure.hpp"

namespace mirror::base {

struct Code {
  std::string_view id;  // "MRD-IMAP-014", never reused
  Scope scope;          // the usual scope and retry class; a Failure may narrow them
  Retry retry;
  std::string_view what;       // what happened, one clause
  std::string_view next_step;  // what an administrator does about it
};

std::span<const Code> catalogue() noexcept;
// The row of an id; an unknown id is a bug and gives the row MRD-BASE-001.
const Code& code_of(std::string_view id) noexcept;

}  // namespace mirror::base
