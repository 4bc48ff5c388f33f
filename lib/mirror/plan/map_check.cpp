// SPDX-License-Identifier: Apache-2.0
#include "mirror/plan/map_check.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

namespace mirror::plan {

namespace {

using ByUid = std::map<Uid, const SideMessage*>;

ByUid by_uid(const std::vector<SideMessage>& messages) {
  ByUid out;
  for (const auto& message : messages) out.emplace(message.uid, &message);
  return out;
}

// Empty: nothing is wrong with it.
std::string what_is_wrong(const MapRow& row, const SideMessage& source, const SideMessage* target,
                          const std::set<Digest>& on_source, bool deep) {
  if (target == nullptr)
    return deep ? fmt::format("the map has its copy at UID {}, where nothing is", row.target) : std::string();
  if (row.target_size != 0 && (row.target_size != target->size || row.target_date != target->date))
    return fmt::format("the map has its copy at UID {}, which has another size or date than was stored",
                       row.target);
  if (!deep) return {};
  if (row.digest && *row.digest != source.digest)
    return "the map has another digest than the source's message";
  if (source.digest != target->digest && on_source.contains(target->digest))
    return fmt::format("the map has its copy at UID {}, which is a copy of another message", row.target);
  return {};
}

}  // namespace

std::vector<MessageDifference> wrong_rows(const std::vector<MapRow>& rows,
                                          const std::vector<SideMessage>& source,
                                          const std::vector<SideMessage>& target, bool deep) {
  const ByUid on_source = by_uid(source), on_target = by_uid(target);
  std::set<Digest> digests;
  for (const auto& message : source) digests.insert(message.digest);
  std::vector<MessageDifference> wrong;
  for (const auto& row : rows) {
    const auto s = on_source.find(row.source);
    if (s == on_source.end()) continue;
    const auto t = on_target.find(row.target);
    auto text = what_is_wrong(row, *s->second, t == on_target.end() ? nullptr : t->second, digests, deep);
    if (!text.empty()) wrong.push_back({"map", row.source, row.target, std::move(text)});
  }
  return wrong;
}

}  // namespace mirror::plan
