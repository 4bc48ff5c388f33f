// SPDX-License-Identifier: Apache-2.0
// Where the folders of the target stand: under the names of their rows, or wherever a RENAME took them that
// was never recorded.

#include <algorithm>
#include <tuple>

#include "mirror/folder_steps.hpp"

namespace mirror::engine {

namespace {

// So many messages have to be where the map says, with their sizes and dates; the newest ones.
constexpr std::size_t k_sample = 20;

bool fits(const db::FolderRecord& record, const plan::ListedFolder& folder) {
  return base::raw(record.target_uidvalidity) != 0 && folder.uidvalidity == record.target_uidvalidity &&
         folder.uidnext >= record.target_uidnext;
}

// Of what the map says of this folder something is there, and nothing is otherwise. A server that does not
// let us look has said nothing: such a folder is not made anew in this pass.
Task<bool> holds_its_messages(Pass& pass, const db::FolderRecord& record, std::string name) {
  auto rows = co_await db::load_rows(pass.world.pool,
                                     {record.id, record.source_uidvalidity, record.target_uidvalidity});
  if (rows.size() > k_sample) rows.erase(rows.begin(), rows.end() - k_sample);
  std::map<base::Uid, const base::MapRow*> known;
  base::UidSet uids;
  for (const auto& row : rows) {
    known[row.target] = &row;
    uids.add(row.target);
  }
  if (uids.empty()) co_return false;
  const auto selected = co_await pass.target->select(name, true);
  if (!selected) {
    pass.note(selected.error());
    pass.away.insert(record.target_name);
    co_return false;
  }
  imap::FetchWhat what;
  what.date = what.size = true;
  std::size_t agree = 0, differ = 0;
  const auto reply = co_await pass.target->fetch(uids, what, [&](const imap::MessageData& m) {
    if (!m.uid || !m.date || !m.size || !known.contains(*m.uid)) return;
    const auto& row = *known[*m.uid];
    const bool same = *m.size == (row.target_size != 0 ? row.target_size : row.size) &&
                      m.date->unix_seconds == (row.target_size != 0 ? row.target_date : row.date);
    (same ? agree : differ) += 1;
  });
  if (!reply.ok()) {
    pass.note_refusal(imap::failure_of(reply, "FETCH", name));
    pass.away.insert(record.target_name);
  }
  co_return reply.ok() && agree > 0 && differ == 0;
}

std::string_view last_part(std::string_view name, char delimiter) {
  const auto at = delimiter == 0 ? std::string_view::npos : name.rfind(delimiter);
  return at == std::string_view::npos ? name : name.substr(at + 1);
}

using ByName = std::map<std::string_view, const plan::ListedFolder*>;

// Rows whose folder is not under its name; and all that share a number with one of those, unless they show
// their messages: the number alone does not say which is which.
Task<std::vector<const db::FolderRecord*>> settle_certain(Pass& pass, const ByName& by_name) {
  std::vector<const db::FolderRecord*> off;
  std::set<base::UidValidity> doubtful;
  for (const auto& record : pass.records) {
    const auto at = by_name.find(record.target_name);
    const bool unknown = base::raw(record.target_uidvalidity) == 0;
    if (at != by_name.end() && (unknown || fits(record, *at->second))) {
      pass.places[record.id] = record.target_name;
      continue;
    }
    off.push_back(&record);
    if (!unknown) doubtful.insert(record.target_uidvalidity);
  }
  if (off.empty()) co_return off;
  for (const auto& record : pass.records) {
    const bool unknown = base::raw(record.target_uidvalidity) == 0;
    if (!pass.places.contains(record.id) || !(unknown || doubtful.contains(record.target_uidvalidity)))
      continue;
    if (record.mapped > 0 && co_await holds_its_messages(pass, record, record.target_name)) continue;
    pass.places.erase(record.id);
    off.push_back(&record);
  }
  co_return off;
}

// Where a folder is that is not under its name; empty: nowhere.
Task<std::string> look_elsewhere(Pass& pass, const db::FolderRecord& record,
                                 const std::set<std::string>& claimed) {
  std::vector<std::string> found;
  for (const auto& folder : pass.on_target) {
    if (!folder.selectable || !fits(record, folder) || claimed.contains(folder.name)) continue;
    // What is empty has nothing to tell it by but the names we may have given it, or its own below another
    // one.
    const bool named =
        folder.name == holding_name(record.id) || folder.name.starts_with(k_parked) ||
        last_part(folder.name, pass.target_delimiter) == last_part(record.target_name, pass.target_delimiter);
    if (record.mapped > 0 ? co_await holds_its_messages(pass, record, folder.name) : named)
      found.push_back(folder.name);
  }
  co_return found.size() == 1 ? found.front() : std::string();
}

}  // namespace

Task<void> find_places(Pass& pass) {
  ByName by_name;
  for (const auto& folder : pass.on_target)
    if (folder.selectable) by_name.emplace(folder.name, &folder);
  auto off = co_await settle_certain(pass, by_name);
  // Those first that messages tell: what is empty takes a name that is left.
  std::sort(off.begin(), off.end(), [](const auto* a, const auto* b) {
    return std::tuple(a->mapped == 0, a->id) < std::tuple(b->mapped == 0, b->id);
  });
  std::set<std::string> claimed;
  for (const auto& [id, place] : pass.places) claimed.insert(place);
  for (const auto* record : off) {
    const auto own = by_name.find(record->target_name);
    const bool free = own != by_name.end() && !claimed.contains(record->target_name);
    const bool unknown = base::raw(record->target_uidvalidity) == 0;
    std::string place;
    if (record->mapped > 0 || !free || !(unknown || fits(*record, *own->second)))
      place = co_await look_elsewhere(pass, *record, claimed);
    // Another one may bear the name by now: what that means is seen when it is looked at.
    if (place.empty() && free) place = record->target_name;
    if (place.empty()) continue;
    claimed.insert(place);
    pass.places[record->id] = std::move(place);
  }
  if (!pass.target->selected().empty()) co_await pass.target->unselect();
}

}  // namespace mirror::engine
