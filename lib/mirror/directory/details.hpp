// SPDX-License-Identifier: Apache-2.0
#pragma once

// What differs, attribute by attribute: each entry that the compare found is read again on both sides, since
// a reading of thousands is no picture of one moment.

#include "db/directory_changes.hpp"
#include "mirror/directory/lookup.hpp"

namespace mirror::directory {

// Until no change of the plan is without details. window: entries read at once.
Task<void> fill_details(Context& context, Side& source, Side& target, const EntryReader& reader,
                        db::PlanId plan, std::size_t window);

}  // namespace mirror::directory
