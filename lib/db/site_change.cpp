// SPDX-License-Identifier: Apache-2.0
#include "db/site_change.hpp"

#include "db/faces_detail.hpp"
#include "db/view_runs_detail.hpp"

namespace mirror::db {

namespace {

const char* const k_site_view =
    "select s.state, s.epoch, @s.since@ as since, s.actor, s.reason, s.full_review_run::text as "
    "full_review_run, "
    "(select coalesce(json_agg(n), '[]') from (select n.id, n.host, n.site_epoch = s.epoch as acknowledged, "
    "n.heartbeat_at > now() - interval '15 seconds' as alive from node n order by n.id) n) as nodes from "
    "site s";

std::string lock_state(Transaction& tx) {
  return tx.exec("select state from site for update")[0][0].as<std::string>();
}

void change(Transaction& tx, const std::string& state, const std::string& reason, const Actor& actor) {
  tx.exec_params(
      "update site set state = $1, epoch = epoch + 1, actor = $2, reason = $3, since = now(), "
      "full_review_run = null",
      state, clean_text(actor.who), clean_text(reason));
  const Json detail =
      json_of(tx, "select json_build_object('state', state, 'epoch', epoch, 'reason', reason) from site");
  audit(tx, actor, "state." + state, "site", detail, reason);
  event(tx, "state.changed", "", actor, detail);
  wake(tx, "site");
}

}  // namespace

Task<Json> show_site(Pool& pool) {
  co_return co_await transact(pool, [](Transaction& tx) { return object_of(tx, k_site_view); });
}

Task<Json> suspend_site(Pool& pool, std::string reason, Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::string state = lock_state(tx);
    if (state == "mirroring")
      change(tx, "suspending", reason, actor);
    else if (state != "suspending" && state != "suspended")
      throw Refused(Refused::Why::wrong_state, fmt::format("the site is {}, not mirroring", state));
    return object_of(tx, k_site_view);
  });
}

Task<Json> resume_site(Pool& pool, std::string reason, Actor actor) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    const std::string state = lock_state(tx);
    if (state == "suspended") {
      change(tx, "mirroring", reason, actor);
      const NewRun review{
          .kind = "review", .link = "", .mask = "*", .deep = false, .dry_run = false, .reason = "resume"};
      const std::int64_t run = insert_run(tx, review, actor);
      tx.exec_params("update site set full_review_run = $1", run);
      // The run marks its mailboxes when it starts, which is at once.
      wake(tx, "site");
      wake(tx, "runs");
    } else if (state != "mirroring") {
      throw Refused(Refused::Why::wrong_state, fmt::format("the site is {}, not suspended", state));
    }
    return object_of(tx, k_site_view);
  });
}

}  // namespace mirror::db
