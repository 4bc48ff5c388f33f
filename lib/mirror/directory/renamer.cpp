// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/renamer.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "mirror/plan/folder_plan.hpp"

namespace mirror::directory {

namespace {

// An entry on its way: where it is, and where production wants it.
struct Traveller {
  db::ChangeResult result;
  ldap::Dn home, at, goal;
};

// The same name with another value in its first attribute; the others are part of who it is.
ldap::Dn with_value(const ldap::Dn& dn, std::string value) {
  auto rdn = dn.rdns().front();
  rdn.front().value = std::move(value);
  return dn.with_rdn(std::move(rdn));
}

class Renamer {
 public:
  Renamer(Context& context, Changer& changer, Side& source, Side& target, const EntryReader& reader,
          RenameWhat what)
      : context_(context),
        changer_(changer),
        source_(source),
        target_(target),
        reader_(reader),
        what_(std::move(what)) {}

  Task<bool> run() {
    for (auto& row : entangled(co_await db::planned_renames(context_.pool, what_.sender.plan)))
      co_await look(std::move(row));
    std::vector<plan::RenameStep> wanted;
    for (const auto& [key, traveller] : by_place_) wanted.push_back({key, reader_.name_key(traveller.goal)});
    const auto prefix = fmt::format("mm-parked-{}-", what_.sender.plan);
    for (const auto& step : plan::order_renames(std::move(wanted), prefix)) {
      co_await go(step, step.to.starts_with(prefix));
      if (!permitted_) break;
    }
    // Who is parked when the permission ends stays parked: the next run knows him by his UUID.
    for (auto& [key, traveller] : by_place_) co_await end(std::move(traveller), "planned");
    co_return permitted_;
  }

 private:
  // Whose goal is another's place, or whose place is another's goal, and who only makes room.
  std::vector<db::ChangeRow> entangled(std::vector<db::ChangeRow> rows) const {
    const auto key = [&](const std::string& name) {
      const auto dn = ldap::Dn::parse(name);
      return dn ? reader_.name_key(*dn) : std::string();
    };
    std::set<std::string> places, goals;
    for (const auto& row : rows) {
      places.insert(key(row.target_dn));
      if (!row.new_dn.empty()) goals.insert(key(row.new_dn));
    }
    std::erase_if(rows, [&](const db::ChangeRow& row) {
      return !row.source_uuid.empty() && !places.contains(key(row.new_dn)) &&
             !goals.contains(key(row.target_dn));
    });
    return rows;
  }

  // Both sides are asked once more: names are what people are reached by.
  Task<void> look(db::ChangeRow row) {
    Traveller t;
    t.result.row = std::move(row);
    auto& r = t.result.row;
    const auto to = co_await look_up(target_, reader_, db::Side::target, r.target_dn, r.target_uuid);
    const auto at = to ? ldap::Dn::parse(to->dn) : std::nullopt;
    std::optional<ldap::Dn> goal;
    if (r.source_uuid.empty()) {
      if (at)
        goal = with_value(*at, fmt::format("left-{}-{}", what_.sender.plan, static_cast<std::int64_t>(r.id)));
    } else {
      const auto from = co_await look_up(source_, reader_, db::Side::source, r.source_dn, r.source_uuid);
      if (from) goal = reader_.target_name(*from);
    }
    if (!goal || !at || reader_.name_key(*goal) == reader_.name_key(*at)) {
      co_await end(std::move(t), "unneeded");
      co_return;
    }
    t.home = t.at = *at;
    t.goal = *goal;
    r.target_dn = at->text();
    r.new_dn = goal->text();
    auto place = reader_.name_key(*at);
    by_place_.emplace(std::move(place), std::move(t));
  }

  Task<void> go(plan::RenameStep step, bool parked) {
    const auto found = by_place_.find(step.from);
    if (found == by_place_.end()) co_return;  // its way ended before
    co_await changer_.wait_turn();
    permitted_ = co_await db::permit_again(context_.pool, what_.sender, {found->second.result.row.id});
    if (!permitted_) co_return;
    Traveller t = std::move(found->second);
    by_place_.erase(found);
    const auto to = parked ? with_value(t.at, step.to) : t.goal;
    std::optional<base::Failed> lost;
    try {
      const auto outcome = co_await changer_.move(t.at, to);
      if (outcome.ok()) t.at = to;
      if (!outcome.ok()) {
        t.result.code = "MRD-DIR-005";
        t.result.detail = outcome.words();
      }
    } catch (const base::Failed& failed) {
      lost = failed;
    }
    if (lost) {
      t.result.code = "MRD-DIR-007";
      co_await end(std::move(t), "unknown");
      throw base::Failed(*lost);
    }
    if (!t.result.code.empty())
      co_await give_up(std::move(t));
    else if (parked)
      by_place_.emplace(step.to, std::move(t));
    else
      co_await end(std::move(t), "done");
  }

  // Whoever was moved aside and is not let in goes back to where he was.
  Task<void> give_up(Traveller t) {
    if (reader_.name_key(t.at) != reader_.name_key(t.home)) {
      const auto outcome = co_await changer_.move(t.at, t.home);
      if (!outcome.ok()) t.result.detail += fmt::format("; it is under {} now", t.at.text());
    }
    co_await end(std::move(t), "refused");
  }

  Task<void> end(Traveller t, std::string state) {
    t.result.state = std::move(state);
    std::vector<db::ChangeResult> results;
    results.push_back(std::move(t.result));
    co_await db::save_results(context_.pool, what_.sender.run, what_.link, what_.sender.plan, what_.reason,
                              std::move(results));
  }

  Context& context_;
  Changer& changer_;
  Side& source_;
  Side& target_;
  const EntryReader& reader_;
  RenameWhat what_;
  std::map<std::string, Traveller> by_place_;
  bool permitted_ = true;
};

}  // namespace

Task<bool> make_renames(Context& context, Changer& changer, Side& source, Side& target,
                        const EntryReader& reader, RenameWhat what) {
  Renamer renamer(context, changer, source, target, reader, std::move(what));
  co_return co_await renamer.run();
}

}  // namespace mirror::directory
