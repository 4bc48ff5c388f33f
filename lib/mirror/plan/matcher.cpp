// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/matcher.hpp"

#include <algorithm>
#include <map>

namespace mirror::plan {

namespace {

using Group = std::vector<const Contender*>;

std::map<Digest, Group> grouped(const Group& contenders, Digest Contender::* key) {
  std::map<Digest, Group> groups;
  for (const auto* contender : contenders) groups[contender->*key].push_back(contender);
  return groups;
}

void take(Group& group, const Contender* one) {
  group.erase(std::find(group.begin(), group.end(), one));
}

// Pairs two groups of equals: equal flags first, then UID order (the groups arrive in UID order).
void pair_group(Group wanted, Group present, bool exact, Group& all_wanted, Group& all_present,
                Match& match) {
  const auto settle = [&](const Contender* w, const Contender* p) {
    match.pairs.push_back({w->uid, p->uid, exact});
    take(wanted, w);
    take(present, p);
    take(all_wanted, w);
    take(all_present, p);
  };
  for (const auto* w : Group(wanted)) {
    const auto same =
        std::find_if(present.begin(), present.end(), [&](const auto* p) { return p->flags == w->flags; });
    if (same != present.end()) settle(w, *same);
  }
  while (!wanted.empty() && !present.empty()) settle(wanted.front(), present.front());
}

void pair_by(Digest Contender::* key, bool exact, Group& wanted, Group& present, Match& match) {
  const auto wanted_groups = grouped(wanted, key);
  const auto present_groups = grouped(present, key);
  for (const auto& [digest, group] : wanted_groups)
    if (const auto other = present_groups.find(digest); other != present_groups.end())
      pair_group(group, other->second, exact, wanted, present, match);
}

Group sorted(const std::vector<Contender>& contenders) {
  Group group;
  for (const auto& contender : contenders) group.push_back(&contender);
  std::sort(group.begin(), group.end(), [](const auto* a, const auto* b) { return a->uid < b->uid; });
  return group;
}

}  // namespace

Match match(const std::vector<Contender>& wanted, const std::vector<Contender>& present) {
  Match result;
  Group w = sorted(wanted);
  Group p = sorted(present);
  pair_by(&Contender::digest, true, w, p, result);
  pair_by(&Contender::canonical, false, w, p, result);
  for (const auto* one : w) result.absent.push_back(one->uid);
  for (const auto* one : p) result.strangers.push_back(one->uid);
  std::sort(result.pairs.begin(), result.pairs.end(),
            [](const Pair& a, const Pair& b) { return a.source < b.source; });
  return result;
}

}  // namespace mirror::plan
