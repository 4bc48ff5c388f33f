// SPDX-License-Identifier: Apache-2.0
#pragma once

// Values as they may be shown and kept: texts as they are, audio as its length and SHA-256, passwords not at
// all. PURE.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "mirror/directory/entry_reader.hpp"

namespace mirror::directory {

// For the plan: [{"attribute", "name", "kind", "before", "after", "drift"}]; of a password "differs" alone;
// "emptied" where DR has values and production none.
boost::json::array changes_text(const EntryReader& reader, const plan::EntryChanges& changes,
                                const plan::EntryView* before, const plan::EntryView* after);
// For the history: {attribute: values}; of a password a keyed hash that is this owner's own, so that equal
// passwords of two entries do not show. fields: which; empty: all that have values.
boost::json::object image_text(const EntryReader& reader, const plan::EntryView& view,
                               const std::vector<std::size_t>& fields, const std::string& owner);
// The fields a plan's row names, and what it says they were before, by attribute.
std::vector<std::size_t> fields_of(const EntryReader& reader, const std::string& attributes);
boost::json::object before_of(const std::string& attributes);
// Those of them that the plan was judged with as emptied, or that were added on DR by hand.
std::vector<std::size_t> emptied_of(const EntryReader& reader, const std::string& attributes);

}  // namespace mirror::directory
