// SPDX-License-Identifier: Apache-2.0
#pragma once

// STATUS, SEARCH, ESEARCH and VANISHED responses. Pure.

#include <string>
#include <utility>

#include "base/failure.hpp"
#include "imap/response.hpp"

namespace mirror::imap {

// The folder's name and what was said of it. Numbers out of range are left out.
base::Result<std::pair<std::string, FolderStatus>> parse_status(const Response& response);

// SEARCH and ESEARCH (ALL): the UIDs named.
base::Result<UidSet> parse_search(const Response& response);

struct Vanished {
  bool earlier = false;
  UidSet uids;
};
base::Result<Vanished> parse_vanished(const Response& response);

}  // namespace mirror::imap
