// SPDX-License-Identifier: Apache-2.0
#include "mirror/verify.hpp"

#include <set>

#include "base/digest.hpp"
#include "mirror/digests.hpp"
#include "mirror/facts.hpp"
#include "mirror/plan/map_check.hpp"
#include "net/both.hpp"

namespace mirror::engine {

namespace {

constexpr base::Uid k_first{1};
constexpr base::Uid k_last{4294967295u};

struct Side {
  base::UidValidity uidvalidity{};
  std::vector<plan::SideMessage> messages;
};

Task<Side> read_side(imap::Session& session, std::string folder, bool deep) {
  auto selected = co_await session.select(folder, true);
  if (!selected) throw base::Failed(selected.error());
  Side side;
  side.uidvalidity = selected->uidvalidity;
  auto& messages = side.messages;
  if (selected->exists == 0) co_return side;
  std::map<base::Uid, BodyDigests> digests;
  const auto facts = co_await read_facts(session, base::UidSet::range(k_first, k_last));
  if (deep) digests = co_await read_digests(session, base::UidSet::range(k_first, k_last));
  for (const auto& item : facts) {
    plan::SideMessage message{item.source, item.flags,           item.date.unix_seconds,
                              item.size,   item.message_id_hash, {}};
    if (deep) {
      const auto found = digests.find(item.source);
      if (found == digests.end()) continue;  // gone between the two looks
      message.digest = found->second.digest;
    }
    messages.push_back(std::move(message));
  }
  co_return side;
}

Borrowed take(Result<Borrowed> borrowed) {
  if (!borrowed) throw base::Failed(borrowed.error());
  return std::move(*borrowed);
}

void add_texts(const std::string& folder, const std::vector<plan::SideMessage>& messages,
               std::vector<std::string>& texts) {
  for (const auto& message : messages) texts.push_back(folder + " " + plan::digest_text(message));
}

std::string digest_of(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  base::Sha256 sha;
  for (const auto& text : texts) {
    sha.update(text);
    sha.update("\n");
  }
  return base::to_hex(sha.finish());
}

struct Sides {
  std::vector<std::string> source, target;
};

// What is there no more on both sides is a pass's business: a row of it may be older than the look.
Task<void> verify_map(World& world, const db::FolderRecord& row, const std::vector<plan::SideMessage>& source,
                      const std::vector<plan::SideMessage>& target, bool deep, VerifyResult& result) {
  const db::FolderKey key{row.id, row.source_uidvalidity, row.target_uidvalidity};
  std::set<base::Uid> named;  // what differs is told once
  for (const auto& d : result.differences)
    if (d.folder == row.source_name) named.insert(d.source);
  base::UidSet wrong;
  for (auto& d : plan::wrong_rows(co_await db::load_rows(world.pool, key), source, target, deep)) {
    if (named.contains(d.source)) continue;
    wrong.add(d.source);
    result.differences.push_back({row.source_name, d.kind, d.source, d.target, d.text});
  }
  if (!wrong.empty()) result.wrong_rows.emplace_back(key, std::move(wrong));
}

Task<void> verify_folder(World& world, imap::Session& source, imap::Session& target,
                         const db::FolderRecord& row, bool deep, VerifyResult& result, Sides& texts) {
  auto [on_source, on_target] =
      co_await net::both(read_side(source, row.source_name, deep), read_side(target, row.target_name, deep));
  auto &s = on_source.messages, &t = on_target.messages;
  result.messages += s.size();
  // What is known not to come from production is no difference: it is counted apart.
  const auto extras = std::erase_if(t, [&](const auto& m) { return row.extra_uids.contains(m.uid); });
  result.known_extras += extras;
  add_texts(row.source_name, s, texts.source);
  add_texts(row.source_name, t, texts.target);
  for (auto& d : plan::compare_messages(s, t))
    result.differences.push_back({row.source_name, d.kind, d.source, d.target, d.text});
  if (on_source.uidvalidity == row.source_uidvalidity && on_target.uidvalidity == row.target_uidvalidity)
    co_await verify_map(world, row, s, t, deep, result);
}

void compare_folders(const std::vector<db::FolderRecord>& rows, const std::vector<imap::Folder>& source,
                     const std::vector<imap::Folder>& target, const db::LinkRecord& link,
                     const Profile& profile, std::vector<db::FolderRecord>& both, VerifyResult& result) {
  const auto listed = [](const std::vector<imap::Folder>& folders, const std::string& name) {
    return std::find_if(folders.begin(), folders.end(),
                        [&](const auto& f) { return f.name == name && f.selectable(); });
  };
  for (const auto& folder : source) {
    if (!folder.selectable() || !plan::in_scope(folder.name, link.folder_include, link.folder_exclude) ||
        !plan::in_scope(folder.name, {"*"}, profile.exclude_folders))
      continue;
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.source_name == folder.name; });
    const auto there = row == rows.end() ? target.end() : listed(target, row->target_name);
    if (there == target.end()) {
      result.differences.push_back({folder.name, "folder_missing", {}, {}, "not on the target"});
      continue;
    }
    if (there->subscribed != folder.subscribed)
      result.differences.push_back(
          {folder.name,
           "subscription",
           {},
           {},
           folder.subscribed ? "subscribed on the source only" : "subscribed on the target only"});
    both.push_back(*row);
  }
  for (const auto& row : rows)
    if (listed(source, row.source_name) == source.end() && listed(target, row.target_name) != target.end())
      result.differences.push_back(
          {row.source_name, "folder_extra", {}, {}, "gone from the source, still on the target"});
}

}  // namespace

Task<VerifyResult> verify_mailbox(World& world, db::RunMailbox mailbox, bool deep) {
  const auto link = world.book.link(mailbox.link);
  if (!link) throw base::Failed(Failure("MRD-CONF-004", fmt::format("link {}", mailbox.link)));
  auto source = take(co_await world.sessions.borrow(mailbox.source, mailbox.name));
  auto target = take(co_await world.sessions.borrow(mailbox.target, mailbox.target_name));
  auto [on_source, on_target] = co_await net::both(source->list(false), target->list(false));
  if (!on_source) throw base::Failed(on_source.error());
  if (!on_target) throw base::Failed(on_target.error());
  const auto rows = co_await db::load_folders(world.pool, mailbox.id);
  VerifyResult result;
  Sides texts;
  std::vector<db::FolderRecord> both;
  compare_folders(rows, *on_source, *on_target, *link, source.store().profile, both, result);
  for (const auto& row : both) co_await verify_folder(world, *source, *target, row, deep, result, texts);
  result.digest_source = digest_of(std::move(texts.source));
  result.digest_target = digest_of(std::move(texts.target));
  co_return result;
}

}  // namespace mirror::engine
