// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/recent.hpp"

namespace mirror::directory {

namespace {

// With what a value and a name cost besides their octets.
std::size_t octets_of(const ldap::Entry& entry) {
  constexpr std::size_t k_each = 64;
  std::size_t octets = entry.dn.size() + k_each;
  for (const auto& attribute : entry.attributes) {
    octets += attribute.name.size() + k_each;
    for (const auto& value : attribute.values) octets += value.size() + k_each;
  }
  return octets;
}

}  // namespace

void Recent::forget_old(base::BootTime now) {
  for (; !order_.empty() && now - order_.front().first > k_oldest; order_.pop_front()) {
    const auto found = kept_.find(order_.front().second);
    if (found == kept_.end()) continue;
    octets_ -= found->second.octets;
    kept_.erase(found);
  }
}

void Recent::keep(std::string uuid, ldap::Entry entry, base::BootTime now) {
  forget_old(now);
  const auto octets = octets_of(entry);
  if (octets_ + octets > k_most_octets) return;
  if (!kept_.try_emplace(uuid, std::move(entry), octets).second) return;
  octets_ += octets;
  order_.emplace_back(now, std::move(uuid));
}

std::optional<ldap::Entry> Recent::take(const std::string& uuid, base::BootTime now) {
  forget_old(now);
  auto node = kept_.extract(uuid);
  if (node.empty()) return std::nullopt;
  octets_ -= node.mapped().octets;
  return std::move(node.mapped().entry);
}

}  // namespace mirror::directory
