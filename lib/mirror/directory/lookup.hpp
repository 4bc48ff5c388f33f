// SPDX-License-Identifier: Apache-2.0
#pragma once

// One entry, read again: by its name when it still is the one with that UUID, else by the UUID.

#include <optional>

#include "mirror/directory/entry_reader.hpp"
#include "mirror/directory/side.hpp"

namespace mirror::directory {

// Nothing: the server says that there is none. Throws when it does not say (MRD-LDAP-006).
Task<std::optional<ldap::Entry>> look_up(Side& side, const EntryReader& reader, db::Side which,
                                         std::string dn, std::string uuid);
// The UUIDs of production's entries that have this UUID, or this value of the key.
Task<std::vector<std::string>> find_claims(Side& source, const EntryReader& reader, std::string uuid,
                                           std::string key);

}  // namespace mirror::directory
