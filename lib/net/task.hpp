// SPDX-License-Identifier: Apache-2.0
#pragma once

// Task<T>: the one coroutine type of the program. Everything runs on one thread and one io_context.

#include <boost/asio/awaitable.hpp>

namespace mirror::net {

namespace asio = boost::asio;

template <class T = void>
using Task = asio::awaitable<T>;

}  // namespace mirror::net
