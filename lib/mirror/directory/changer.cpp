// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/changer.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/fault.hpp"
#include "mirror/directory/value_text.hpp"

namespace mirror::directory {

namespace {

using ldap::Code;

void refuse(db::ChangeResult& out, const ldap::Outcome& outcome) {
  out.state = "refused";
  out.code = "MRD-DIR-005";
  out.detail = outcome.words();
}

void unneeded(db::ChangeResult& out, const char* why) {
  out.state = "unneeded";
  out.code.clear();
  out.detail = why;
}

void done(db::ChangeResult& out) {
  out.state = "done";
  out.code.clear();
}

std::vector<std::string> names_of(const EntryReader& reader, const std::vector<std::size_t>& fields) {
  std::vector<std::string> out;
  for (const auto i : fields) out.push_back(reader.map().fields[i].target);
  return out;
}

// Not as it was seen: gone from its name, or changed since (RFC 4528).
bool has_moved_on(const ldap::Outcome& outcome) {
  return outcome.code == Code::assertion_failed || outcome.code == Code::no_such_object;
}

constexpr const char* k_production_changed = "production changed it meanwhile; the next run looks again";
constexpr const char* k_dr_changed = "DR's entry changed meanwhile; the next run looks again";

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
    if (source_.connection->usable() && target_.connection->usable()) {
      // Of this entry alone: what cannot be written, or was not answered.
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

// The containers above an entry, made as production has them.
Task<bool> Changer::ensure_parent(ldap::Dn dn, ldap::Dn source_dn, base::BootTime permitted) {
  const auto parent = dn.parent(), source_parent = source_dn.parent();
  if (parent.depth() <= target_.base.depth() || source_parent.depth() == 0) co_return false;
  const auto entry = co_await ldap::read_entry(*source_.connection, source_parent.text(), {"objectClass"});
  // One that is mirrored is no container: it comes when its own turn does.
  if (co_await ldap::read_entry(*source_.connection, source_parent.text(), {"1.1"}, source_.record.filter))
    co_return false;
  const auto* classes = entry ? entry->find("objectClass") : nullptr;
  if (classes == nullptr) co_return false;
  std::vector<ldap::Attribute> attributes{{"objectClass", classes->values}};
  for (const auto& ava : parent.rdns().front()) attributes.push_back({ava.attribute, {ava.value}});
  if (!is_fresh(permitted)) co_return false;
  auto outcome = co_await target_.connection->add(parent.text(), attributes);
  if (outcome.code == Code::no_such_object && co_await ensure_parent(parent, source_parent, permitted) &&
      is_fresh(permitted))
    outcome = co_await target_.connection->add(parent.text(), attributes);
  if (outcome.ok())
    co_await db::note_container(context_.pool, settings_.run, settings_.link, settings_.plan, parent.text());
  co_return outcome.ok() || outcome.code == Code::already_exists;
}

Task<void> Changer::add(db::ChangeResult& out, base::BootTime permitted) {
  const auto from =
      co_await look_up(source_, reader_, db::Side::source, out.row.source_dn, out.row.source_uuid);
  const auto name = from ? reader_.target_name(*from) : std::nullopt;
  if (!from) co_return unneeded(out, "production has it no more");
  const auto after = reader_.view(db::Side::source, *from);
  if (!name || !plan::compare_entries(reader_.map(), after, nullptr, {}, {}).missing.empty())
    co_return unneeded(out, k_production_changed);
  out.row.new_dn = name->text();
  std::vector<ldap::Attribute> attributes{{"objectClass", reader_.map().object_classes}};
  for (std::size_t i = 0; i < after.fields.size(); ++i)
    if (!after.fields[i].values.empty())
      attributes.push_back({reader_.map().fields[i].target, after.fields[i].values});
  for (const auto& ava : name->rdns().front()) {
    const auto same = [&](const auto& a) { return ldap::same_name(a.name, ava.attribute); };
    if (std::ranges::none_of(attributes, same)) attributes.push_back({ava.attribute, {ava.value}});
  }
  if (!co_await may_send(out, permitted)) co_return;
  auto outcome = co_await target_.connection->add(out.row.new_dn, attributes);
  if (outcome.code == Code::no_such_object &&
      co_await ensure_parent(*name, *ldap::Dn::parse(from->dn), permitted)) {
    if (!co_await may_send(out, permitted)) co_return;
    outcome = co_await target_.connection->add(out.row.new_dn, attributes);
  }
  if (!outcome.ok()) co_return refuse(out, outcome);
  // It is made, whatever becomes of the question for its UUID; without one it is known by its key, and the
  // next reading knows better.
  out.target_uuid = "key:" + out.row.key;
  try {
    const auto made = co_await ldap::read_entry(*target_.connection, out.row.new_dn, {"entryUUID"});
    if (made && !made->first("entryUUID").empty()) out.target_uuid = std::string(made->first("entryUUID"));
  } catch (const base::Failed& failed) {
    if (!target_.connection->usable()) lost_ = failed.failure();
  }
  if (from->first("entryCSN") == out.row.source_csn) out.source_fields = out.row.source_fields;
  out.after = image(out, after, {});
  done(out);
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
  const auto from =
      co_await look_up(source_, reader_, db::Side::source, out.row.source_dn, out.row.source_uuid);
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
