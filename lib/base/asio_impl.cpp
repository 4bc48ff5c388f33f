// SPDX-License-Identifier: Apache-2.0
// The one place where Asio's separately compiled parts are built. In the lowest room, because the precompiled
// header makes every room refer to them.
#include <boost/asio/impl/src.hpp>
