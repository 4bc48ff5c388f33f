// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace mirror::plan {

namespace {

using Side = std::vector<const SideMessage*>;
using Key = std::function<std::string(const SideMessage&)>;

std::string body_key(const SideMessage& m) {
  return fmt::format("{} {} {}", m.size, m.message_id_hash, fmt::join(m.digest, ","));
}

// Pairs what has the same key, in UID order; what is paired leaves both sides.
void pair_by(const Key& key, Side& source, Side& target,
             const std::function<void(const SideMessage&, const SideMessage&)>& paired) {
  std::map<std::string, Side> by_key;
  for (auto t = target.rbegin(); t != target.rend(); ++t) by_key[key(**t)].push_back(*t);
  std::set<const SideMessage*> gone;
  std::erase_if(source, [&](const auto* s) {
    const auto found = by_key.find(key(*s));
    if (found == by_key.end() || found->second.empty()) return false;
    paired(*s, *found->second.back());
    gone.insert(found->second.back());
    found->second.pop_back();
    return true;
  });
  std::erase_if(target, [&](const auto* t) { return gone.contains(t); });
}

Side pointers(const std::vector<SideMessage>& messages) {
  Side side;
  for (const auto& m : messages) side.push_back(&m);
  std::sort(side.begin(), side.end(), [](const auto* a, const auto* b) { return a->uid < b->uid; });
  return side;
}

}  // namespace

std::string digest_text(const SideMessage& m) {
  std::string flags = m.flags.text();  // a keyword's spelling is no difference
  for (char& c : flags)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return fmt::format("{} {} {}", body_key(m), m.date, flags);
}

std::vector<MessageDifference> compare_messages(const std::vector<SideMessage>& source,
                                                const std::vector<SideMessage>& target) {
  std::vector<MessageDifference> out;
  Side s = pointers(source);
  Side t = pointers(target);
  const auto date_of = [](const SideMessage& m) { return fmt::format(" {}", m.date); };
  // A pair may differ in more than what it was paired by: each difference is named.
  const auto flags = [&](const SideMessage& a, const SideMessage& b) {
    if (!(a.flags == b.flags))
      out.push_back(
          {"flags", a.uid, b.uid, fmt::format("source ({}), target ({})", a.flags.text(), b.flags.text())});
  };
  pair_by(digest_text, s, t, [](const auto&, const auto&) {});
  pair_by([&](const auto& m) { return body_key(m) + date_of(m); }, s, t, flags);
  pair_by(body_key, s, t, [&](const auto& a, const auto& b) {
    out.push_back({"date", a.uid, b.uid, fmt::format("source {}, target {}", a.date, b.date)});
    flags(a, b);
  });
  pair_by(
      [&](const auto& m) { return fmt::format("{}{}", m.message_id_hash, date_of(m)); }, s, t,
      [&](const auto& a, const auto& b) {
        out.push_back({"body", a.uid, b.uid,
                       fmt::format("source {} octets, target {} octets, or other octets", a.size, b.size)});
        flags(a, b);
      });
  for (const auto* m : s)
    out.push_back({"missing", m->uid, {}, fmt::format("{} octets of {}", m->size, m->date)});
  for (const auto* m : t)
    out.push_back({"extra", {}, m->uid, fmt::format("{} octets of {}", m->size, m->date)});
  return out;
}

}  // namespace mirror::plan
