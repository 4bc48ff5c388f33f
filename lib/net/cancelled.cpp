// SPDX-License-Identifier: Apache-2.0
#include "net/cancelled.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace mirror::net {

bool is_cancellation(const std::exception_ptr& error) noexcept {
  if (!error) return false;
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& caught) {
    return caught.code() == boost::asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

void throw_cancelled() {
  throw boost::system::system_error(boost::asio::error::operation_aborted);
}

}  // namespace mirror::net
