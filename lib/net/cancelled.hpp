// SPDX-License-Identifier: Apache-2.0
#pragma once

// Cancellation travels as system_error(operation_aborted). It is never translated and never logged as an
// error.

#include <exception>

namespace mirror::net {

bool is_cancellation(const std::exception_ptr& error) noexcept;
[[noreturn]] void throw_cancelled();

}  // namespace mirror::net
