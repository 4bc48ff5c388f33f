// SPDX-License-Identifier: Apache-2.0
// The part of Beast that is compiled once (BOOST_BEAST_SEPARATE_COMPILATION).
#include <boost/beast/src.hpp>
