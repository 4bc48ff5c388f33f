// SPDX-License-Identifier: Apache-2.0
#pragma once

// Plans of the directory mirror as a person reads them: like a review of code. Pure.

#include <boost/json.hpp>
#include <string>

namespace mirror::cli {

// "~ modify 1001  MailboxNumber=1001,ou=People" and below it what becomes of each attribute; ends with a
// newline.
std::string format_change(const boost::json::object& change);
// "2 changes: 1 add, 1 modify; 1 done, 1 held; 988 equal, 4 foreign".
std::string format_counts(const boost::json::object& plan);
// One link of the status: several lines.
std::string format_directory_link(const boost::json::object& link);

std::int64_t changes_of(const boost::json::object& plan);
// Nothing of it is left to do or to decide, and both sides were read completely.
bool is_settled(const boost::json::object& plan);

}  // namespace mirror::cli
