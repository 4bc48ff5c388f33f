// SPDX-License-Identifier: Apache-2.0
#pragma once

// Folder names between two servers (law 13). PURE. A name is split at the source's delimiter; in each part
// what the target would misread (its own delimiter, characters it refuses, the escape itself) is written
// "=XX", reversibly; the folder table is the way back.

#include <string>
#include <string_view>
#include <vector>

namespace mirror::plan {

struct NameRules {
  char source_delimiter = '/';
  char target_delimiter = '/';
  std::string source_prefix;  // personal namespace, "INBOX." or ""
  std::string target_prefix;
  std::string refused;        // octets the target refuses anywhere in a name
  std::string refused_first;  // ... as the first octet of the whole name
};

std::string target_folder_name(std::string_view source_name, const NameRules& rules);
// Inverse, for names this program made.
std::string unescape_part(std::string_view part);
// INBOX in any case is one folder (RFC 9051 section 5.1).
bool is_inbox(std::string_view name);

// name is an inferior of ancestor; delimiter 0: a server without hierarchy.
bool is_below(std::string_view name, std::string_view ancestor, char delimiter);

// Glob match of a folder or mailbox mask: * and ? over the whole name, without case for ASCII letters.
bool glob_match(std::string_view mask, std::string_view name);
// In when some include matches and no exclude does.
bool in_scope(std::string_view name, const std::vector<std::string>& include,
              const std::vector<std::string>& exclude);

}  // namespace mirror::plan
