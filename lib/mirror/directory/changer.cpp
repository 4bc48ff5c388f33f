// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/changer.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/fault.hpp"
#include "mirror/directory/change_result.hpp"
#include "mirror/directory/value_text.hpp"

namespace mirror::directory {

namespace {

std::vector<std::string> names_of(const EntryReader& reader, const std::vector<std::size_t>& fields) {
  std::vector<std::string> out;
  for (const auto i : fields) out.push_back(reader.map().fields[i].target);
  return out;
}

}  // namespace

Changer::Changer(Context& context, Side& source, Side& target, const EntryReader& reader,
                 ChangerSettings settings)
    : context_(context),
      source_(source),
      target_(target),
      reader_(reader),
      settings_(settings),
      rate_(context.clock, settings.operations_per_second) {}

Task<db::ChangeResult> Changer::make(db::ChangeRow row, base::BootTime permitted) {
  db::ChangeResult out;
  out.row = std::move(row);
  const auto dn = ldap::Dn::parse(out.row.kind == "add" ? out.row.new_dn : out.row.target_dn);
  const auto turn = co_await barrier_.enter(dn ? reader_.name_key(*dn) : std::string());
  out.state = "planned";
  try {
    co_await change(out, permitted);
  } catch (const base::Failed& failed) {
    const auto& failure = failed.failure();
    if (failure.scope() == base::Scope::process && failure.code().starts_with("MRD-DB")) throw;
    if (is_of_one_entry(failure)) {
      out.state = "refused";
      out.code = failure.code();
      out.detail = failure.detail();
    } else {
      lost_ = failure;
    }
  }
  co_return out;
}

Task<void> Changer::change(db::ChangeResult& out, base::BootTime permitted) {
  if (out.row.kind == "add") return add(out, permitted);
  if (out.row.kind == "modify") return modify(out, permitted);
  if (out.row.kind == "rename") return rename(out, permitted);
  if (out.row.kind == "disable") return disable(out, permitted);
  return remove(out, permitted);
}

bool Changer::is_of_one_entry(const base::Failure& failure) const {
  return !failure.code().starts_with("MRD-DB") && source_.connection->usable() &&
         target_.connection->usable();
}

bool Changer::is_fresh(base::BootTime permitted) const {
  return context_.gate.open() && target_.connection->usable() &&
         context_.clock.now() - permitted < context_.send_within;
}

Task<bool> Changer::may_send(db::ChangeResult& out, base::BootTime permitted) {
  co_await rate_.take(1);
  base::fault_point("directory." + out.row.kind);
  if (is_fresh(permitted)) {
    out.state = "unknown";  // until the answer is here
    out.code = "MRD-DIR-007";
    co_return true;
  }
  out.state = "planned";
  co_return false;
}

std::vector<ldap::Control> Changer::conditions(const std::string& csn,
                                               const std::vector<std::size_t>& fields) {
  std::vector<ldap::Control> controls;
  if (asserts(csn))
    controls.push_back(target_.connection->assertion(fmt::format("(entryCSN={})", ldap::escape_filter(csn))));
  if (target_.pre_read && !fields.empty()) controls.push_back(ldap::pre_read(names_of(reader_, fields)));
  return controls;
}

std::string Changer::image(const db::ChangeResult& out, const plan::EntryView& view,
                           const std::vector<std::size_t>& fields) const {
  return boost::json::serialize(
      image_text(reader_, view, fields, out.target_uuid.empty() ? out.row.target_uuid : out.target_uuid));
}

void Changer::note_before(db::ChangeResult& out, const ldap::Outcome& outcome,
                          const std::vector<std::size_t>& fields) {
  const auto entry = ldap::pre_read_entry(outcome);
  out.before = entry ? image(out, reader_.view(db::Side::target, *entry), fields)
                     : boost::json::serialize(before_of(out.row.attributes));
}

Task<ldap::Outcome> Changer::send_modify(db::ChangeResult& out, const std::vector<std::size_t>& fields,
                                         const plan::EntryView& after, const std::string& csn) {
  std::vector<ldap::Modification> changes;
  for (const auto i : fields)
    changes.push_back(
        {ldap::Modification::Kind::replace, reader_.map().fields[i].target, after.fields[i].values});
  auto outcome = co_await target_.connection->modify(out.row.target_dn, changes, conditions(csn, fields));
  if (outcome.ok()) note_before(out, outcome, fields);
  co_return outcome;
}

Task<void> Changer::modify(db::ChangeResult& out, base::BootTime permitted) {
  const auto from = co_await wanted(out.row);
  const auto name = from ? reader_.target_name(*from) : std::nullopt;
  if (!name) co_return unneeded(out, k_production_changed);
  const auto after = reader_.view(db::Side::source, *from);
  auto fields = fields_of(reader_, out.row.attributes);
  // What the guard did not judge as emptied is not emptied: an account that may not read a value any more
  // sees none.
  const auto may_empty = emptied_of(reader_, out.row.attributes);
  const auto unjudged = [&](std::size_t i) {
    return after.fields[i].values.empty() && std::ranges::find(may_empty, i) == may_empty.end();
  };
  if (std::ranges::any_of(fields, unjudged)) co_return unneeded(out, k_production_changed);
  std::string csn = out.row.target_csn;
  const bool as_read = from->first("entryCSN") == out.row.source_csn;
  bool seen = as_read && asserts(csn);
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!seen) {
      // Not what the plan was made of: both are compared anew.
      const auto to =
          co_await look_up(target_, reader_, db::Side::target, out.row.target_dn, out.row.target_uuid);
      if (!to) co_return unneeded(out, "DR has it no more; the next run looks again");
      const auto before = reader_.view(db::Side::target, *to);
      auto changes =
          plan::compare_entries(reader_.map(), after, &before, {}, reader_.named_field(*name, after));
      plan::keep_required(reader_.map(), changes);
      fields.clear();
      for (const auto& change : changes.fields)
        if (!unjudged(change.field)) fields.push_back(change.field);
      out.row.target_dn = to->dn;
      csn = std::string(to->first("entryCSN"));
      out.row.attributes = boost::json::serialize(changes_text(reader_, changes, &before, &after));
    }
    if (fields.empty()) co_return unneeded(out, "it is equal already");
    if (!co_await may_send(out, permitted)) co_return;
    const auto outcome = co_await send_modify(out, fields, after, csn);
    if (outcome.ok()) {
      // What both are equal as, is what the reading said; anything else the next reading says.
      if (as_read) out.source_fields = out.row.source_fields;
      out.after = image(out, after, fields);
      co_return done(out);
    }
    if (!has_moved_on(outcome) || attempt > 0) co_return refuse(out, outcome);
    seen = false;
  }
}

// One that stands in nobody's way.
Task<void> Changer::rename(db::ChangeResult& out, base::BootTime permitted) {
  const auto from =
      co_await look_up(source_, reader_, db::Side::source, out.row.source_dn, out.row.source_uuid);
  const auto to =
      co_await look_up(target_, reader_, db::Side::target, out.row.target_dn, out.row.target_uuid);
  const auto goal = from ? reader_.target_name(*from) : std::nullopt;
  const auto at = to ? ldap::Dn::parse(to->dn) : std::nullopt;
  if (!goal || !at) co_return unneeded(out, k_production_changed);
  if (reader_.name_key(*goal) == reader_.name_key(*at)) co_return unneeded(out, "it has that name already");
  out.row.target_dn = at->text();
  out.row.new_dn = goal->text();
  if (!co_await may_send(out, permitted)) co_return;
  auto outcome = co_await move(*at, *goal);
  if (outcome.code == Code::no_such_object &&
      co_await ensure_parent(*goal, *ldap::Dn::parse(from->dn), permitted)) {
    if (!co_await may_send(out, permitted)) co_return;
    outcome = co_await move(*at, *goal);
  }
  if (!outcome.ok()) co_return refuse(out, outcome);
  done(out);
}

Task<ldap::Outcome> Changer::move(ldap::Dn from, ldap::Dn to) {
  base::fault_point("directory.rename");
  ldap::Rename rename;
  rename.dn = from.text();
  rename.new_rdn = to.rdn_text();
  if (reader_.name_key(from.parent()) != reader_.name_key(to.parent()))
    rename.new_superior = to.parent().text();
  // The old name's value goes when the new one takes its place; an attribute of another kind keeps it.
  rename.delete_old_rdn =
      ldap::same_name(from.rdns().front().front().attribute, to.rdns().front().front().attribute);
  co_return co_await target_.connection->rename(std::move(rename));
}

}  // namespace mirror::directory
