// SPDX-License-Identifier: Apache-2.0
// Subscriptions are made equal after the folders are: they may outlive them.

#include "mirror/folder_steps.hpp"
#include "mirror/step_detail.hpp"

namespace mirror::engine {

namespace {

// A subscription outlives its folder; a server that takes none for a name without a folder gets one for a
// moment.
Task<imap::Reply> subscribe_without_folder(Pass& pass, std::string name) {
  auto reply = co_await pass.target->subscribe(name, true);
  if (reply.ok() || find_on_target(pass, name) != nullptr) co_return reply;
  co_await pass.ensure_permitted();
  const auto created = co_await pass.target->create(name);
  if (!created.ok()) co_return reply;
  reply = co_await pass.target->subscribe(name, true);
  co_await pass.ensure_permitted();
  const auto removed = co_await pass.target->remove(name);
  co_return removed.ok() ? reply : removed;
}

Task<imap::Reply> change_subscription(Pass& pass, const plan::SubscriptionChange& change) {
  if (change.subscribe && pass.subscriptions.contains(change.target_name))
    co_return co_await subscribe_without_folder(pass, change.target_name);
  co_return co_await pass.target->subscribe(change.target_name, change.subscribe);
}

}  // namespace

Task<void> settle_subscriptions(Pass& pass) {
  auto wanted_by_target = pass.subscriptions;
  for (const auto& folder : pass.folders) wanted_by_target[folder.row.target_name] = folder.source.subscribed;
  const auto wanted = plan::plan_subscriptions(wanted_by_target, pass.on_target, pass.out_of_scope);
  if (pass.dry_run) pass.counts.subscriptions += wanted.size();
  if (wanted.empty() || pass.dry_run) co_return;
  std::vector<std::string> names;
  for (const auto& change : wanted) names.push_back(change.target_name);
  const auto step = co_await pass.open_step({}, "subscribe", folders_detail(names));
  std::vector<db::FolderChange> done;
  for (const auto& change : wanted) {
    co_await pass.ensure_permitted();
    const auto reply = co_await change_subscription(pass, change);
    if (reply.ok()) {
      done.push_back(
          {change.subscribe ? "folder.subscribed" : "folder.unsubscribed", change.target_name, "", ""});
      ++pass.counts.subscriptions;
    } else if (!pass.subscriptions.contains(change.target_name)) {
      pass.note_refusal(imap::failure_of(reply, "SUBSCRIBE", change.target_name));
    }  // else: some servers refuse to subscribe a name that has no folder; nothing is lost by that
  }
  co_await db::save_folder_changes(pass.world.pool, pass.fence, step, std::move(done));
}

}  // namespace mirror::engine
