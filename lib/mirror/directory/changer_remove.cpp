// SPDX-License-Identifier: Apache-2.0
// What leaves DR: production and DR are asked once more before it goes.

#include "mirror/directory/change_result.hpp"
#include "mirror/directory/changer.hpp"

namespace mirror::directory {

// Law 5 for the directory: what is to go from DR is looked for on production once more, by its UUID and by
// its key. A number that somebody else has by now, who has an entry of his own on DR, keeps nobody.
Task<bool> Changer::still_gone(db::ChangeResult& out) {
  for (const auto& uuid : co_await find_claims(source_, reader_, out.row.source_uuid, out.row.key)) {
    if (uuid != out.row.source_uuid && !uuid.empty()) {
      const auto partner = co_await db::partner_of(context_.pool, settings_.link, uuid);
      if (!partner.empty() && partner != out.row.target_uuid) continue;
    }
    unneeded(out, "production has it again");
    co_return false;
  }
  co_return true;
}

// Who it is on DR, by the UUID. Where the server takes no condition along, nothing else may have changed
// either; a row without a CSN is of an entry that this plan renamed.
Task<bool> Changer::still_as_seen(db::ChangeResult& out) {
  const auto to =
      co_await look_up(target_, reader_, db::Side::target, out.row.target_dn, out.row.target_uuid);
  const std::string csn(to ? to->first("entryCSN") : "");
  const bool same = asserts(out.row.target_csn) || out.row.target_csn.empty() || csn == out.row.target_csn;
  if (!to || !same) {
    unneeded(out, to ? k_dr_changed : "DR has it no more");
    co_return false;
  }
  out.row.target_dn = to->dn;
  if (out.row.target_csn.empty()) out.row.target_csn = csn;
  co_return true;
}

Task<void> Changer::disable(db::ChangeResult& out, base::BootTime permitted) {
  if (!co_await still_gone(out) || !co_await still_as_seen(out)) co_return;
  std::vector<std::size_t> fields;
  for (std::size_t i = 0; i < reader_.map().fields.size(); ++i)
    if (reader_.map().fields[i].kind == plan::FieldKind::password) fields.push_back(i);
  if (fields.empty()) co_return done(out);
  plan::EntryView nothing;
  nothing.fields.resize(reader_.map().fields.size());
  if (!co_await may_send(out, permitted)) co_return;
  const auto outcome = co_await send_modify(out, fields, nothing, out.row.target_csn);
  if (has_moved_on(outcome)) co_return unneeded(out, k_dr_changed);
  if (!outcome.ok()) co_return refuse(out, outcome);
  out.after = image(out, nothing, fields);
  done(out);
}

Task<void> Changer::remove(db::ChangeResult& out, base::BootTime permitted) {
  if (!co_await still_gone(out) || !co_await still_as_seen(out)) co_return;
  std::vector<std::size_t> all(reader_.map().fields.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  if (!co_await may_send(out, permitted)) co_return;
  const auto outcome =
      co_await target_.connection->remove(out.row.target_dn, conditions(out.row.target_csn, all));
  if (has_moved_on(outcome)) co_return unneeded(out, k_dr_changed);
  if (!outcome.ok()) co_return refuse(out, outcome);
  note_before(out, outcome, {});
  done(out);
}

}  // namespace mirror::directory
