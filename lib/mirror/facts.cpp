// SPDX-License-Identifier: Apache-2.0
#include "mirror/facts.hpp"

#include <algorithm>
#include <cctype>

namespace mirror::engine {

std::int64_t message_id_hash(std::string_view header) {
  const auto colon = header.find(':');
  if (colon == std::string_view::npos) return 0;
  std::uint64_t hash = 14695981039346656037u;
  bool any = false;
  for (const char c : header.substr(colon + 1)) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) continue;
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    any = true;
  }
  return any ? static_cast<std::int64_t>(hash) : 0;
}

net::Task<std::vector<plan::CopyItem>> read_facts(imap::Session& session, base::UidSet uids) {
  std::vector<plan::CopyItem> items;
  imap::FetchWhat what;
  what.date = what.size = what.message_id = true;
  const auto reply = co_await session.fetch(std::move(uids), what, [&](const imap::MessageData& m) {
    if (!m.uid || !m.flags || !m.size) return;
    plan::CopyItem item;
    item.source = *m.uid;
    item.flags = *m.flags;
    item.date = m.date.value_or(base::InternalDate{});
    item.size = *m.size;
    item.message_id_hash = m.header ? message_id_hash(*m.header) : 0;
    items.push_back(std::move(item));
  });
  if (!reply.ok()) throw base::Failed(imap::failure_of(reply, "FETCH", session.selected()));
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.source < b.source; });
  items.erase(std::unique(items.begin(), items.end(),
                          [](const auto& a, const auto& b) { return a.source == b.source; }),
              items.end());
  co_return items;
}

}  // namespace mirror::engine
