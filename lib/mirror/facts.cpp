// SPDX-License-Identifier: Apache-2.0
#include "mirror/facts.hpp"

#include <algorithm>
#include <cctype>

#include "imap/value_parser.hpp"

namespace mirror::engine {

namespace {

constexpr std::size_t k_most_judged = 1'000'000;

}  // namespace

std::int64_t message_id_hash(std::string_view header) {
  std::uint64_t hash = 14695981039346656037u;
  bool any = false;
  for (const auto& field : plan::parse_header_fields(header)) {
    if (!imap::iequals(field.name, "Message-ID")) continue;
    for (const char c : any ? field.name + ":" + field.value : field.value) {
      if (std::isspace(static_cast<unsigned char>(c)) != 0) continue;
      hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
      any = true;
    }
  }
  return any ? static_cast<std::int64_t>(hash) : 0;
}

net::Task<imap::Reply> fetch_judged(imap::Session& session, base::UidSet uids, imap::FetchWhat what,
                                    plan::GreetingRule rule, JudgedMessage each) {
  what.header_fields = rule.header_names();
  what.file_names = !rule.attachments.empty();
  base::UidSet told;
  const auto judge = [&](const imap::MessageData& m) {
    told.add(*m.uid);
    each(m, plan::is_greeting(rule, m.header.value_or(""), m.file_names));
  };
  auto reply = co_await session.fetch(uids, what, judge);
  if (!what.file_names || !reply.ok()) co_return reply;
  // Not told: gone, or put together so that its structure is passed over. Its header alone judges then.
  base::UidSet left;
  for (const auto uid : uids.expand(k_most_judged).value_or(std::vector<base::Uid>{}))
    if (!told.contains(uid)) left.add(uid);
  if (left.empty()) co_return reply;
  what.file_names = false;
  co_return co_await session.fetch(std::move(left), what, judge);
}

net::Task<std::vector<plan::CopyItem>> read_facts(imap::Session& session, base::UidSet uids,
                                                  plan::GreetingRule rule) {
  std::vector<plan::CopyItem> items;
  imap::FetchWhat what;
  what.date = what.size = what.message_id = true;
  const auto note = [&](const imap::MessageData& m, bool greeting) {
    if (!m.uid || !m.flags || !m.size) return;
    plan::CopyItem item;
    item.source = *m.uid;
    item.flags = *m.flags;
    item.date = m.date.value_or(base::InternalDate{});
    item.size = *m.size;
    item.message_id_hash = m.header ? message_id_hash(*m.header) : 0;
    item.greeting = greeting;
    items.push_back(std::move(item));
  };
  const auto reply = co_await fetch_judged(session, std::move(uids), what, std::move(rule), note);
  if (!reply.ok()) throw base::Failed(imap::failure_of(reply, "FETCH", session.selected()));
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.source < b.source; });
  items.erase(std::unique(items.begin(), items.end(),
                          [](const auto& a, const auto& b) { return a.source == b.source; }),
              items.end());
  co_return items;
}

}  // namespace mirror::engine
