// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where connections come from: a unix socket now; anything else that can name its caller later.

#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>

#include "http/message.hpp"
#include "http/server.hpp"

namespace mirror::http {

struct Accepted {
  boost::asio::generic::stream_protocol::socket socket;
  Caller caller;
};

class Listener {
 public:
  virtual ~Listener() = default;
  virtual net::Task<Accepted> accept() = 0;
};

// Mode 0660 and the group of the settings. A socket file nobody answers on is replaced; one that answers is
// MRD-CONF-008. The file is removed with the listener.
std::unique_ptr<Listener> make_unix_listener(boost::asio::any_io_executor executor, const Settings& settings);

}  // namespace mirror::http
