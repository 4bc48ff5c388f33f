// SPDX-License-Identifier: Apache-2.0
#pragma once

// A whole side, read and put down as rows to be compared; a bounded number of entries in memory.

#include "mirror/directory/entry_reader.hpp"
#include "mirror/directory/side.hpp"

namespace mirror::directory {

struct SideRead {
  bool complete = false;
  std::uint64_t entries = 0;  // each once
  std::uint64_t changed = 0;  // since the last reading
  std::string why;            // incomplete: what happened, for a person
};

Task<SideRead> read_images(Context& context, Side& side, const EntryReader& reader, db::Side which,
                           base::LinkId link);
// Who of production's has a mailbox: those that match this filter besides the side's own.
Task<SideRead> read_members(Context& context, Side& side, const EntryReader& reader, base::RunId run,
                            std::string filter);

}  // namespace mirror::directory
