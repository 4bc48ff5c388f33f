// SPDX-License-Identifier: Apache-2.0
#pragma once

// LIST, LSUB, NAMESPACE and ID responses. Pure.

#include <string>
#include <utility>
#include <vector>

#include "base/failure.hpp"
#include "imap/response.hpp"

namespace mirror::imap {

struct FolderName {
  std::string name;
  bool raw = false;
};
// From the wire: modified UTF-7 decoded, any case of INBOX as "INBOX", what is no valid name kept raw.
FolderName folder_name_of(std::string_view wire);

base::Result<Folder> parse_list(const Response& response);
// The first personal namespace: prefix and delimiter (0: NIL); ("", 0) when there is none.
std::pair<std::string, char> parse_namespace(const Response& response);
std::vector<std::pair<std::string, std::string>> parse_id(const Response& response);

}  // namespace mirror::imap
