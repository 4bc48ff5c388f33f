// SPDX-License-Identifier: Apache-2.0
// What is new on production, and the containers above it.

#include "mirror/directory/change_result.hpp"
#include "mirror/directory/changer.hpp"

namespace mirror::directory {

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

Task<std::optional<ldap::Entry>> Changer::wanted(const db::ChangeRow& row) {
  if (auto entry = source_.recent.take(row.source_uuid, context_.clock.now())) co_return entry;
  auto entry = co_await look_up(source_, reader_, db::Side::source, row.source_dn, row.source_uuid);
  if (entry && !EntryReader::is_whole(*entry)) throw base::Failed(base::Failure("MRD-DIR-004", entry->dn));
  co_return entry;
}

// The entry is made, whatever becomes of the question for its UUID; without one it is known by its key, and
// the next reading knows better.
Task<std::string> Changer::uuid_of_new(const db::ChangeResult& out, const ldap::Outcome& outcome) {
  auto made = ldap::post_read_entry(outcome);
  try {
    if (!made) made = co_await ldap::read_entry(*target_.connection, out.row.new_dn, {"entryUUID"});
  } catch (const base::Failed& failed) {
    if (!target_.connection->usable()) lost_ = failed.failure();
  }
  const std::string uuid(made ? made->first("entryUUID") : "");
  co_return uuid.empty() ? "key:" + out.row.key : uuid;
}

Task<void> Changer::add(db::ChangeResult& out, base::BootTime permitted) {
  const auto from = co_await wanted(out.row);
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
  const std::vector<ldap::Control> controls =
      target_.post_read ? std::vector{ldap::post_read({"entryUUID"})} : std::vector<ldap::Control>{};
  if (!co_await may_send(out, permitted)) co_return;
  auto outcome = co_await target_.connection->add(out.row.new_dn, attributes, controls);
  if (outcome.code == Code::no_such_object &&
      co_await ensure_parent(*name, *ldap::Dn::parse(from->dn), permitted)) {
    if (!co_await may_send(out, permitted)) co_return;
    outcome = co_await target_.connection->add(out.row.new_dn, attributes, controls);
  }
  if (!outcome.ok()) co_return refuse(out, outcome);
  out.target_uuid = co_await uuid_of_new(out, outcome);

  if (from->first("entryCSN") == out.row.source_csn) out.source_fields = out.row.source_fields;
  out.after = image(out, after, {});
  done(out);
}

}  // namespace mirror::directory
