// SPDX-License-Identifier: Apache-2.0
#pragma once

// A Stream over a connected socket.

#include <boost/asio/ip/tcp.hpp>

#include "net/stream.hpp"

namespace mirror::net::detail {

std::unique_ptr<Stream> make_socket_stream(asio::ip::tcp::socket socket);

}  // namespace mirror::net::detail
