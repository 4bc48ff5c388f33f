// SPDX-License-Identifier: Apache-2.0
#pragma once

// One change, made on DR: what production holds now is read first, the change is sent with the condition that
// DR's entry is as it was seen (RFC 4528 where offered, else it is read once more), and when it is not, it is
// read and compared anew, once. One operation on DR a change; an entry that DR refuses is a result like any
// other.

#include "db/directory_changes.hpp"
#include "mirror/directory/barrier.hpp"
#include "mirror/directory/lookup.hpp"
#include "net/rate_limit.hpp"

namespace mirror::directory {

struct ChangerSettings {
  base::RunId run{};
  base::LinkId link{};
  db::PlanId plan{};
  std::uint64_t operations_per_second = 0;  // 0: no ceiling
};

class Changer {
 public:
  Changer(Context& context, Side& source, Side& target, const EntryReader& reader, ChangerSettings settings);

  // row is 'sent' in the database since `permitted`; older than context.send_within, nothing is sent and the
  // result's state is 'planned'. Of what was sent when a connection was lost, it is 'unknown'; lost() then
  // says how.
  Task<db::ChangeResult> make(db::ChangeRow row, base::BootTime permitted);
  const std::optional<base::Failure>& lost() const noexcept { return lost_; }

  // Waits for a turn under the ceiling. What is sent afterwards has to be permitted after it.
  Task<void> wait_turn() { return rate_.take(1); }
  bool is_fresh(base::BootTime permitted) const;
  // What cannot be written or was not answered, while both sides are there: the others go on.
  bool is_of_one_entry(const base::Failure& failure) const;

  // From one name on DR to another. At once; the caller has waited and has a permission.
  Task<ldap::Outcome> move(ldap::Dn from, ldap::Dn to);
  // The containers above dn, made as production has them above source_dn. True: dn may be tried again.
  Task<bool> ensure_parent(ldap::Dn dn, ldap::Dn source_dn, base::BootTime permitted);

 private:
  Task<void> change(db::ChangeResult& out, base::BootTime permitted);
  Task<void> add(db::ChangeResult& out, base::BootTime permitted);
  Task<void> modify(db::ChangeResult& out, base::BootTime permitted);
  Task<void> rename(db::ChangeResult& out, base::BootTime permitted);
  Task<void> disable(db::ChangeResult& out, base::BootTime permitted);
  Task<void> remove(db::ChangeResult& out, base::BootTime permitted);
  // What production holds: as the plan has just read it, else by asking.
  Task<std::optional<ldap::Entry>> wanted(const db::ChangeRow& row);
  Task<std::string> uuid_of_new(const db::ChangeResult& out, const ldap::Outcome& outcome);
  Task<bool> still_gone(db::ChangeResult& out);
  Task<bool> still_as_seen(db::ChangeResult& out);

  Task<ldap::Outcome> send_modify(db::ChangeResult& out, const std::vector<std::size_t>& fields,
                                  const plan::EntryView& after, const std::string& csn);
  // Waits for its turn and checks that the permission is still fresh; false: it is not.
  Task<bool> may_send(db::ChangeResult& out, base::BootTime permitted);
  bool asserts(const std::string& csn) const { return target_.assertion && !csn.empty(); }
  std::vector<ldap::Control> conditions(const std::string& csn, const std::vector<std::size_t>& fields);
  void note_before(db::ChangeResult& out, const ldap::Outcome& outcome,
                   const std::vector<std::size_t>& fields);
  std::string image(const db::ChangeResult& out, const plan::EntryView& view,
                    const std::vector<std::size_t>& fields) const;

  Context& context_;
  Side& source_;
  Side& target_;
  const EntryReader& reader_;
  ChangerSettings settings_;
  net::RateLimit rate_;
  Barrier barrier_;
  std::optional<base::Failure> lost_;
};

}  // namespace mirror::directory
