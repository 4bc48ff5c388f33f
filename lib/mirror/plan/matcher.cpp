// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/matcher.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace mirror::plan {

namespace {

using Group = std::vector<const Contender*>;

// A digest that was not read is nobody's: it pairs with nothing.
std::map<Digest, Group> grouped(const Group& contenders, Digest Contender::* key) {
  std::map<Digest, Group> groups;
  for (const auto* contender : contenders)
    if (contender->*key != Digest{}) groups[contender->*key].push_back(contender);
  return groups;
}

struct Pairing {
  std::vector<Pair>& pairs;
  std::set<const Contender*>& settled;
  bool exact;
  void settle(const Contender* wanted, const Contender* present) {
    pairs.push_back({wanted->uid, present->uid, exact});
    settled.insert(wanted);
    settled.insert(present);
  }
};

// Of two groups of equals those under the same key, the lowest UIDs first (the groups arrive in UID order).
template <class KeyOf>
void pair_same(const Group& wanted, const Group& present, const KeyOf& key_of, Pairing& pairing) {
  std::map<decltype(key_of(*wanted.front())), Group> by_key;
  for (const auto* p : present)
    if (!pairing.settled.contains(p)) by_key[key_of(*p)].push_back(p);
  for (auto& [key, group] : by_key) std::reverse(group.begin(), group.end());  // the lowest UID at the back
  for (const auto* w : wanted) {
    if (pairing.settled.contains(w)) continue;
    const auto same = by_key.find(key_of(*w));
    if (same == by_key.end() || same->second.empty()) continue;
    pairing.settle(w, same->second.back());
    same->second.pop_back();
  }
}

void pair_group(const Group& wanted, const Group& present, Pairing& pairing) {
  pair_same(wanted, present, [](const Contender& c) { return std::pair(c.date, c.flags); }, pairing);
  pair_same(wanted, present, [](const Contender& c) { return c.date; }, pairing);
  Group any_date;
  for (const auto* p : present)
    if (!p->same_date) any_date.push_back(p);
  pair_same(wanted, any_date, [](const Contender& c) { return c.flags; }, pairing);
  pair_same(wanted, any_date, [](const Contender&) { return 0; }, pairing);
}

void pair_by(Digest Contender::* key, bool exact, Group& wanted, Group& present, Match& match) {
  std::set<const Contender*> settled;
  Pairing pairing{match.pairs, settled, exact};
  const auto present_groups = grouped(present, key);
  const auto wanted_groups = grouped(wanted, key);
  for (const auto& [digest, group] : wanted_groups)
    if (const auto other = present_groups.find(digest); other != present_groups.end())
      pair_group(group, other->second, pairing);
  const auto is_settled = [&](const auto* one) { return settled.contains(one); };
  std::erase_if(wanted, is_settled);
  std::erase_if(present, is_settled);
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
