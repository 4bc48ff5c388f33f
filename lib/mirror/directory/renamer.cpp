// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/renamer.hpp"

#include <fmt/format.h>

#include <deque>
#include <map>
#include <set>

namespace mirror::directory {

namespace {

// An entry on its way: where it is, and where production wants it.
struct Traveller {
  db::ChangeResult result;
  ldap::Dn home, at, goal;
  std::optional<ldap::Dn> source;  // where production has it; nullopt: it only makes room
  bool parked = false;
};

// The same name with another value in its first attribute; the others are part of who it is.
ldap::Dn with_value(const ldap::Dn& dn, std::string value) {
  auto rdn = dn.rdns().front();
  rdn.front().value = std::move(value);
  return dn.with_rdn(std::move(rdn));
}

// A name that nobody else has is of the mirror's own making. Where only digits are taken (a numeric string),
// it is made of those.
struct OwnName {
  std::string name, digits;
};

// A server says so in one of these ways.
bool refuses_spelling(const ldap::Outcome& outcome) {
  return outcome.code == ldap::Code::invalid_syntax || outcome.code == ldap::Code::invalid_dn_syntax ||
         outcome.code == ldap::Code::constraint_violation || outcome.code == ldap::Code::naming_violation;
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
    std::deque<std::string> ready;
    for (const auto& [place, traveller] : by_place_) {
      const auto goal = reader_.name_key(traveller.goal);
      wanted_.emplace(goal, place);
      if (!by_place_.contains(goal)) ready.push_back(place);
    }
    while (permitted_ && !by_place_.empty()) {
      // Only circles are left: one of them steps aside, once. Whoever still waits then wants a name that
      // another one got: the server's own refusal is the answer.
      const auto circle = ready.empty() ? in_circle() : by_place_.end();
      const bool park = circle != by_place_.end();
      const auto place = park ? circle->first : ready.empty() ? by_place_.begin()->first : ready.front();
      if (!ready.empty()) ready.pop_front();
      co_await go(place, park);
      if (permitted_) free_place(place, ready);
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
      if (at) goal = with_value(*at, left(r.id).name);
    } else {
      const auto from = co_await look_up(source_, reader_, db::Side::source, r.source_dn, r.source_uuid);
      if (from) goal = reader_.target_name(*from);
      if (from) t.source = ldap::Dn::parse(from->dn);
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

  std::map<std::string, Traveller>::iterator in_circle() {
    return std::ranges::find_if(by_place_, [](const auto& item) { return !item.second.parked; });
  }

  // Whoever wants it goes next; when it is not free after all, the server says so.
  void free_place(const std::string& place, std::deque<std::string>& ready) {
    const auto next = wanted_.find(place);
    if (next != wanted_.end() && by_place_.contains(next->second)) ready.push_back(next->second);
  }

  // The permission is as old as the clock that was read before it; nullopt: there is none.
  Task<std::optional<base::BootTime>> permit(const Traveller& t) {
    co_await changer_.wait_turn();
    const auto now = context_.clock.now();
    const bool given = co_await db::permit_again(context_.pool, what_.sender, {t.result.row.id});
    if (!given || !changer_.is_fresh(now)) co_return std::nullopt;
    co_return now;
  }

  OwnName left(db::ChangeId id) const {
    const auto number = static_cast<std::int64_t>(id);
    return {fmt::format("left-{}-{}", what_.sender.plan, number), fmt::format("98{:012}", number)};
  }
  OwnName aside(db::ChangeId id) const {
    const auto number = static_cast<std::int64_t>(id);
    return {fmt::format("mm-parked-{}-{}", what_.sender.plan, number), fmt::format("99{:012}", number)};
  }

  // Where it goes now. What stands in the way and can be mended is, once: a container that is not there, and
  // a name of ours that is not taken as it is spelled. nullopt: it may not be sent any more.
  Task<std::optional<ldap::Outcome>> move(Traveller& t, bool park, base::BootTime permitted) {
    const auto id = t.result.row.id;
    auto to = park ? with_value(t.at, aside(id).name) : t.goal;
    auto outcome = co_await changer_.move(t.at, to);
    bool again = false;
    if (t.source && !park && outcome.code == ldap::Code::no_such_object) {
      again = co_await changer_.ensure_parent(t.goal, *t.source, permitted);
      if (!again && !changer_.is_fresh(permitted)) co_return std::nullopt;
    } else if ((park || !t.source) && refuses_spelling(outcome)) {
      to = with_value(t.at, park ? aside(id).digits : left(id).digits);
      again = true;
    }
    if (again) {
      if (!co_await permit(t)) co_return std::nullopt;
      outcome = co_await changer_.move(t.at, to);
    }
    if (outcome.ok()) t.at = to;
    if (outcome.ok() && !park) t.result.row.new_dn = to.text();
    co_return outcome;
  }

  Task<void> go(std::string place, bool park) {
    const auto found = by_place_.find(place);
    if (found == by_place_.end()) co_return;  // its way ended before
    const auto permitted = co_await permit(found->second);
    permitted_ = permitted.has_value();
    if (!permitted_) co_return;
    Traveller t = std::move(found->second);
    by_place_.erase(found);
    std::optional<base::Failed> lost;
    try {
      const auto outcome = co_await move(t, park, *permitted);
      permitted_ = outcome.has_value();
      if (outcome && !outcome->ok()) {
        t.result.code = "MRD-DIR-005";
        t.result.detail = outcome->words();
      }
    } catch (const base::Failed& failed) {
      if (!changer_.is_of_one_entry(failed.failure())) lost = failed;
      t.result.code = failed.failure().code();
      t.result.detail = failed.failure().detail();
    }
    if (lost) {
      t.result.code = "MRD-DIR-007";
      co_await end(std::move(t), "unknown");
      throw base::Failed(*lost);
    }
    if (!permitted_) {
      co_await end(std::move(t), "planned");
    } else if (!t.result.code.empty()) {
      co_await give_up(std::move(t));
    } else if (park) {
      t.parked = true;
      auto key = reader_.name_key(t.at);
      wanted_[reader_.name_key(t.goal)] = key;
      by_place_.emplace(std::move(key), std::move(t));
    } else {
      co_await end(std::move(t), "done");
    }
  }

  // Whoever was moved aside and is not let in goes back to where he was.
  Task<void> give_up(Traveller t) {
    if (reader_.name_key(t.at) != reader_.name_key(t.home)) {
      bool back = (co_await permit(t)).has_value();
      try {
        if (back) back = (co_await changer_.move(t.at, t.home)).ok();
      } catch (const base::Failed& failed) {
        if (!changer_.is_of_one_entry(failed.failure())) throw;
        back = false;
      }
      if (back)
        t.at = t.home;
      else
        t.result.detail += fmt::format("; it is under {} now", t.at.text());
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
  std::map<std::string, std::string> wanted_;  // a name -> the place of who is to have it

  bool permitted_ = true;
};

}  // namespace

Task<bool> make_renames(Context& context, Changer& changer, Side& source, Side& target,
                        const EntryReader& reader, RenameWhat what) {
  Renamer renamer(context, changer, source, target, reader, std::move(what));
  co_return co_await renamer.run();
}

}  // namespace mirror::directory
