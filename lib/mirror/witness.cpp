// SPDX-License-Identifier: Apache-2.0
// Stores that went back in time without their numbers telling it (law 8): the newest messages of the map are
// looked at in each complete compare, and the newest of the source whenever something is copied from it.

#include "mirror/plan/witness.hpp"
#include "mirror/facts.hpp"
#include "mirror/pass.hpp"
#include "net/both.hpp"

namespace mirror::engine {

namespace {

using plan::Side;

Task<std::vector<plan::CopyItem>> ask(imap::Session& session, base::UidSet uids) {
  if (uids.empty()) co_return std::vector<plan::CopyItem>{};
  co_return co_await read_facts(session, std::move(uids));
}

bool any_other(const FolderWork& folder, const std::vector<plan::CopyItem>& seen, Side side) {
  return std::any_of(seen.begin(), seen.end(), [&](const plan::CopyItem& item) {
    const auto row = std::find_if(folder.rows.begin(), folder.rows.end(), [&](const plan::MapRow& r) {
      return (side == Side::source ? r.source : r.target) == item.source;
    });
    return row != folder.rows.end() && plan::is_another(*row, item, side);
  });
}

}  // namespace

Task<bool> holds_others(Pass& pass, const FolderWork& folder) {
  auto on_source = plan::witnesses(folder.rows, folder.source_view, Side::source);
  auto on_target = plan::witnesses(folder.rows, folder.target_view, Side::target);
  const auto [source, target] =
      co_await net::both(ask(*pass.source, std::move(on_source)), ask(*pass.target, std::move(on_target)));
  co_return any_other(folder, source, Side::source) || any_other(folder, target, Side::target);
}

Task<FactsAndWitness> read_facts_and_witness(Pass& pass, FolderWork& folder, base::UidSet uids,
                                             plan::GreetingRule rule) {
  // Its own copy may be what the target lost: then it is to be copied, and no witness.
  const auto witness = uids.contains(folder.row.witness) ? base::Uid{} : folder.row.witness;
  base::UidSet mapped;
  if (base::raw(witness) != 0) {
    uids.add(witness);
    mapped.add(witness);
  }
  auto [items, rows] =
      co_await net::both(read_facts(*pass.source, std::move(uids), std::move(rule)),
                         db::load_rows_of(pass.world.pool, folder.key(), std::move(mapped), {}));
  FactsAndWitness out;
  out.items = std::move(items);
  const auto seen = std::find_if(out.items.begin(), out.items.end(),
                                 [&](const plan::CopyItem& item) { return item.source == witness; });
  if (seen == out.items.end()) co_return out;
  out.another = !rows.empty() && plan::is_another(rows.front(), *seen, Side::source);
  out.items.erase(seen);
  co_return out;
}

}  // namespace mirror::engine
