// SPDX-License-Identifier: Apache-2.0
#pragma once

// Changes of a plan: their details for a person, their turn to be sent, their results with the history. A
// change is one operation on DR; 'sent' is committed before it leaves.

#include "db/directory_image.hpp"

namespace mirror::db {

enum class ChangeId : std::int64_t {};

struct ChangeRow {
  ChangeId id{};
  std::string kind;  // add, modify, rename, disable, delete
  std::string key;
  std::string source_uuid, target_uuid, source_dn, target_dn, new_dn, source_csn, target_csn;
  std::vector<std::uint8_t> source_fields, known_fields;
  bool drift = false;
  std::string attributes;  // JSON
};

// Changes without details as yet, in the order of ids.
Task<std::vector<ChangeRow>> found_changes(Pool& pool, PlanId plan, std::size_t limit);
struct ChangeDetail {
  ChangeId id{};
  std::string state;       // planned, waiting, unneeded, refused
  std::string attributes;  // JSON
  bool drift = false;
  std::string code, detail;
};
Task<void> save_details(Pool& pool, std::vector<ChangeDetail> details);
// 'planned', or superseded by a newer plan meanwhile; with the report's row.
Task<void> end_planning(Pool& pool, PlanId plan);

// Whether this plan may be applied: it is its link's newest, not superseded, and made under the settings that
// map_hash stands for. Marks it 'applying', and releases what is held when the operator says so.
Task<bool> begin_applying(Pool& pool, PlanId plan, std::string map_hash, bool allow_mass_delete,
                          std::string released_by);

// Who may send: a run that is this node's, while the site is mirroring (law 9). Read in the transaction that
// marks changes as sent; without, nothing is.
struct Sender {
  PlanId plan{};
  RunId run{};
  std::string node;
};
// The next changes of a kind become 'sent', parents before what is below them, deletions the other way.
// nullopt: this one may not send (any more).
Task<std::optional<std::vector<ChangeRow>>> take_changes(Pool& pool, Sender sender, std::string kind,
                                                         std::size_t limit);
// The permission once more, for changes that wait for long; false: not (any more).
Task<bool> permit_again(Pool& pool, Sender sender, std::vector<ChangeId> changes);
// Every rename that is still to be made: those that stand in each other's way are ordered as one.
Task<std::vector<ChangeRow>> planned_renames(Pool& pool, PlanId plan);
// The DR entry that production's entry of this UUID has for a partner; "": none is known.
Task<std::string> partner_of(Pool& pool, LinkId link, std::string source_uuid);
// A container that had to be made above an entry.
Task<void> note_container(Pool& pool, RunId run, LinkId link, PlanId plan, std::string dn);

struct ChangeResult {
  ChangeRow row;
  std::string state;  // done, refused, unneeded, unknown, planned (not sent after all)
  std::string code, detail;
  std::string target_uuid;  // of an entry that was added
  std::vector<std::uint8_t> source_fields;
  std::string before = "{}", after = "{}";  // JSON, for the history
};
// Results, history and pairs in one transaction.
Task<void> save_results(Pool& pool, RunId run, LinkId link, PlanId plan, std::string reason,
                        std::vector<ChangeResult> results);

struct PlanEnd {
  std::int64_t changes = 0, done = 0;
  std::int64_t open = 0;  // held, waiting, refused, unknown, and what was not sent
};
// applied: what was to be sent was; with changes left that were not asked for it is 'planned' again. Counts.
Task<PlanEnd> end_plan(Pool& pool, PlanId plan, bool applied);
Task<void> fail_plan(Pool& pool, PlanId plan);

}  // namespace mirror::db
