// SPDX-License-Identifier: Apache-2.0
#pragma once

// Renames that stand in each other's way, as one permutation: numbers that change places go through a name of
// their own, and who left production makes room for who has the number now. The others are left to the
// window.

#include "mirror/directory/changer.hpp"

namespace mirror::directory {

struct RenameWhat {
  db::Sender sender;
  base::LinkId link{};
  std::string reason;
};
// Results are saved as they come. False: this node may not send any more. Throws when a connection is lost;
// what was under way is 'unknown' then.
Task<bool> make_renames(Context& context, Changer& changer, Side& source, Side& target,
                        const EntryReader& reader, RenameWhat what);

}  // namespace mirror::directory
