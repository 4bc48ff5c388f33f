// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/run.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/digest.hpp"
#include "base/fault.hpp"
#include "base/log.hpp"
#include "db/directory_compare.hpp"
#include "db/directory_mailboxes.hpp"
#include "db/records.hpp"
#include "mirror/directory/apply.hpp"
#include "mirror/directory/details.hpp"
#include "mirror/directory/images.hpp"
#include "mirror/directory/map_text.hpp"
#include "net/both.hpp"
#include "net/cancelled.hpp"
#include "net/timeout.hpp"

namespace mirror::directory {

namespace {

namespace json = boost::json;
namespace log = base::log;
using base::Failed;
using base::Failure;

struct Suspended {};  // the site stopped mirroring, or another node has the run: it begins anew
struct Cancelled {};

// Of how values are made canonical and hashed here: another number makes every row anew.
const std::string k_rules = "2 ";

constexpr auto k_farewell =
    std::chrono::seconds(5);  // for what is under way when the site is being suspended

class Run {
 public:
  Run(Context& context, db::DirectoryRun run, db::DirectoryMirror mirror, plan::DirectoryMap map)
      : context_(context), run_(std::move(run)), mirror_(std::move(mirror)), map_(std::move(map)) {}

  Task<json::object> work() {
    const bool passwords =
        std::ranges::any_of(map_.fields, [](const auto& f) { return f.kind == plan::FieldKind::password; });
    auto sides = co_await net::both(open_side(context_, mirror_.source, "source", passwords),
                                    open_side(context_, mirror_.target, "target", passwords));
    source_ = std::move(sides.first);
    target_ = std::move(sides.second);
    reader_.emplace(map_,
                    EntryReader::Sides{&source_.schema, &target_.schema, source_.base, target_.base,
                                       k_rules + settings_hash() + source_.schema_hash + target_.schema_hash},
                    mirror_.mailbox_attribute, base::KeyedHash(*context_.sealer, "directory"));
    require_attributes();
    net::TaskGroup watch(co_await net::asio::this_coro::executor);
    watch.spawn("gate", end_with_gate());
    std::exception_ptr failed;
    json::object result;
    try {
      result = co_await in_order();
    } catch (...) {
      failed = std::current_exception();
    }
    watch.cancel();
    co_await watch.join();
    if (failed && net::is_cancellation(failed)) std::rethrow_exception(failed);
    if (plan_ != db::PlanId{} && failed) co_await db::fail_plan(context_.pool, plan_);
    if (!context_.gate.open()) throw Suspended();
    if (failed) std::rethrow_exception(failed);
    co_await source_.connection->farewell();
    co_await target_.connection->farewell();
    co_return result;
  }

 private:
  // Law 9: what is under way ends by itself in a moment; a server that does not answer is not waited for.
  Task<void> end_with_gate() {
    while (context_.gate.open()) co_await net::sleep_for(std::chrono::milliseconds(100));
    co_await net::sleep_for(k_farewell);
    source_.connection->close();
    target_.connection->close();
  }

  Task<json::object> in_order() {
    plan_ = run_.plan;
    bool members = false;
    if (plan_ == db::PlanId{}) members = co_await make_plan();
    if (!context_.gate.open()) throw Suspended();
    const auto planned = co_await db::end_plan(context_.pool, plan_, false);
    co_await db::set_run_progress(context_.pool, run_.id, planned.changes, 0, 0);
    if (run_.apply) co_await apply();
    const auto end = co_await db::end_plan(context_.pool, plan_, run_.apply);
    co_await db::set_run_progress(context_.pool, run_.id, end.changes, end.done, end.open);
    json::object result{{"plan", fmt::format("{}", plan_)},
                        {"changes", end.changes},
                        {"done", end.done},
                        {"open", end.open},
                        {"applied", run_.apply}};
    if (members && run_.apply) result["mailboxes"] = co_await mailboxes();
    co_return result;
  }

  // True: who takes part is known.
  Task<bool> make_plan() {
    plan_ = co_await db::begin_plan(context_.pool, run_.id, run_.link, settings_hash());
    const auto [from, to] =
        co_await net::both(read_images(context_, source_, *reader_, db::Side::source, run_.link),
                           read_images(context_, target_, *reader_, db::Side::target, run_.link));
    SideRead members;
    if (!mirror_.participation_filter.empty())
      members = co_await read_members(context_, source_, *reader_, run_.id, mirror_.participation_filter);
    if (!context_.gate.open()) throw Suspended();
    db::CompareWhat what;
    what.link = run_.link;
    what.plan = plan_;
    what.source_complete = from.complete;
    what.target_complete = to.complete;
    what.incomplete = from.why + (from.why.empty() || to.why.empty() ? "" : "; ") + to.why;
    what.deletions = mirror_.deletions;
    what.delete_after = mirror_.delete_after;
    what.remove_foreign = mirror_.remove_foreign;
    for (std::size_t i = 0; i < map_.fields.size(); ++i)
      if (map_.fields[i].kind == plan::FieldKind::password) what.password_fields.push_back(i);
    what.source_read = static_cast<std::int64_t>(from.entries);
    what.target_read = static_cast<std::int64_t>(to.entries);
    what.much_changed = (from.changed + to.changed) * 10 > from.entries + to.entries;
    const auto compared = co_await db::compare_images(context_.pool, what);
    if (!what.incomplete.empty())
      log::warning("directory.incomplete", "a directory could not be read completely",
                   {{"code", "MRD-DIR-001"}, {"link", mirror_.link_name}, {"err", what.incomplete}});
    co_await fill_details(context_, source_, target_, *reader_, plan_, mirror_.window_size);
    co_await judge(compared);
    co_await db::end_planning(context_.pool, plan_);
    co_return members.complete&& from.complete;
  }

  Task<void> judge(db::Compared compared) {
    plan::DirectoryCounts counts;
    counts.source_entries = compared.source_entries;
    counts.target_entries = compared.target_entries;
    counts.last_source_entries = compared.last_source_entries;
    counts.last_target_entries = compared.last_target_entries;
    counts.pairs = compared.pairs;
    counts.removals = compared.removals;
    db::Judged judged;
    judged.removals = plan::judge_removals(
        counts, {mirror_.guard_count, mirror_.guard_percent, mirror_.guard_shrink_percent});
    judged.emptied =
        co_await db::emptied_fields(context_.pool, plan_, mirror_.guard_count, mirror_.guard_percent);
    judged.hold_all = mirror_.guarded_changes_wait;
    for (const auto& guard : {judged.removals, judged.emptied})
      if (!guard.empty())
        log::warning("directory.held", "changes of the directory wait for an operator",
                     {{"code", "MRD-DIR-002"}, {"link", mirror_.link_name}, {"err", guard}});
    co_await db::hold_changes(context_.pool, plan_, std::move(judged));
  }

  Task<void> apply() {
    const bool may = co_await db::begin_applying(context_.pool, plan_, settings_hash(),
                                                 run_.allow_mass_delete, run_.requested_by);
    if (!may)
      throw Failed(Failure(
          "MRD-DIR-006",
          fmt::format("plan {} is not the newest any more, or was made under other settings", plan_)));
    ApplyWhat what;
    what.run = run_.id;
    what.link = run_.link;
    what.plan = plan_;
    what.only = run_.only;
    what.reason = run_.reason;
    what.window = mirror_.window_size;
    what.operations_per_second = mirror_.operations_per_second;
    const bool whole = co_await apply_plan(context_, source_, target_, *reader_, std::move(what));
    if (whole) co_return;
    if (co_await db::run_cancelled(context_.pool, run_.id)) throw Cancelled();
    throw Suspended();
  }

  // What a plan depends on besides the entries: under other settings it is not to be applied.
  std::string settings_hash() const {
    std::string text = mirror_.fields;
    const auto add = [&](const std::string& part) { text += '\0' + part; };
    for (const auto* side : {&mirror_.source, &mirror_.target}) {
      add(fmt::format("{}:{}", side->host, side->port));
      add(side->base_dn);
      add(side->filter);
    }
    add(mirror_.key_attribute);
    add(mirror_.rdn_attribute);
    add(mirror_.mailbox_attribute);
    for (const auto& name : mirror_.object_classes) add(name);
    add(mirror_.spelling ? "spelling" : "");
    add(fmt::format("{} {} {}", mirror_.deletions, mirror_.delete_after.count(), mirror_.remove_foreign));
    return base::to_hex(base::sha256(text));
  }

  // A field that a server does not know would look empty on every entry.
  void require_attributes() const {
    std::string unknown;
    const auto look = [&](const Side& side, const std::string& attribute, const char* where) {
      if (!attribute.empty() && side.schema.find("objectClass") != nullptr &&
          side.schema.find(attribute) == nullptr)
        unknown += fmt::format("{}{} on {}", unknown.empty() ? "" : ", ", attribute, where);
    };
    for (const auto& field : map_.fields) {
      look(source_, field.source, "production");
      look(target_, field.target, "DR");
    }
    if (!unknown.empty()) throw Failed(Failure("MRD-DIR-009", unknown));
  }

  // A mailbox that is being worked on is renamed when that is over.
  Task<json::value> mailboxes() {
    db::MailboxesFromDirectory total;
    for (int attempt = 0; attempt < 30; ++attempt) {
      const auto now =
          co_await db::mailboxes_from_directory(context_.pool, run_.id, run_.link, mirror_.guard_percent);
      total.added += now.added;
      total.renamed += now.renamed;
      total.back += now.back;
      total.gone += now.gone;
      total.busy = now.busy;
      total.clashes = now.clashes;
      total.held = now.held;
      if (now.busy == 0 || !context_.gate.open()) break;
      co_await net::sleep_for(std::chrono::seconds(1));
    }
    co_return json::object{{"added", total.added}, {"renamed", total.renamed}, {"back", total.back},
                           {"gone", total.gone},   {"busy", total.busy},       {"clashes", total.clashes},
                           {"held", total.held}};
  }

  Context& context_;
  db::DirectoryRun run_;
  db::DirectoryMirror mirror_;
  plan::DirectoryMap map_;
  Side source_, target_;
  std::optional<EntryReader> reader_;
  db::PlanId plan_{};
};

std::string failure_text(const Failure& failure) {
  return json::serialize(json::object{{"code", std::string(failure.code())},
                                      {"text", failure.text()},
                                      {"next_step", std::string(failure.next_step())}});
}

Task<void> fail(Context& context, const db::DirectoryRun& run, Failure failure) {
  log::warning("directory.failed", "a run of the directory failed",
               {{"code", std::string(failure.code())}, {"err", failure.detail()}});
  const bool ours =
      co_await db::finish_run(context.pool, run.id, context.node, "failed", failure_text(failure));
  if (ours && failure.retry() == base::Retry::later && run.requested_by == "schedule")
    co_await db::try_directory_again(context.pool, run.link);
}

Task<void> begin(Context& context, db::DirectoryRun run) {
  log::info("run.started", "a directory run started",
            {{"run", fmt::format("{}", run.id)}, {"apply", run.apply ? "yes" : "no"}});
  auto mirror = co_await db::load_directory_mirror(context.pool, run.link);
  if (!mirror) {
    co_await fail(context, run,
                  Failure("MRD-DIR-006", "no directory is set for the link or one of its stores"));
    co_return;
  }
  if (context.sealer == nullptr) {
    co_await fail(context, run, Failure("MRD-BASE-003", "values are compared by hashes under the key"));
    co_return;
  }
  auto map = parse_map(*mirror);
  if (!map) {
    co_await fail(context, run, map.error());
    co_return;
  }
  Run work(context, run, std::move(*mirror), std::move(*map));
  const auto result = co_await work.work();
  if (co_await db::finish_run(context.pool, run.id, context.node, "done", json::serialize(result)))
    co_await db::add_report(context.pool, "directory", json::serialize(result));
}

Task<void> take_one(Context& context, db::DirectoryRun run) {
  const engine::Inside inside(context.gate);
  std::optional<Failure> failure;
  bool suspended = false, cancelled = false;
  try {
    co_await begin(context, run);
  } catch (const Failed& failed) {
    // Without the database nothing can be recorded. What it refuses, it would refuse again.
    if (failed.failure().code() == "MRD-DB-001") throw;
    failure = failed.failure();
  } catch (const Cancelled&) {
    cancelled = true;
  } catch (const Suspended&) {
    suspended = true;
  } catch (const std::exception& error) {
    if (net::is_cancellation(std::current_exception())) throw;
    failure = Failure("MRD-BASE-002", error.what());
  }
  if (failure) co_await fail(context, run, *failure);
  if (cancelled) co_await db::finish_run(context.pool, run.id, context.node, "cancelled", "{}");
  if (suspended) {
    log::info("run.waits", "a directory run begins anew when mirroring goes on",
              {{"run", fmt::format("{}", run.id)}});
    co_await db::requeue_directory_runs(context.pool, context.node);
  }
}

}  // namespace

Task<void> run_directory(Context& context, engine::Wake& wake) {
  for (;;) {
    base::fault_throw("directory");
    std::optional<db::DirectoryRun> run;
    if (context.gate.open()) {
      // What an earlier life of this service or node, or a node that died, left unfinished: here none is
      // under way.
      co_await db::requeue_directory_runs(context.pool, context.node);
      co_await db::queue_due_directory_runs(context.pool);
      run = co_await db::take_directory_run(context.pool, context.node);
    }
    if (run)
      co_await take_one(context, *run);
    else
      co_await wake.wait(std::chrono::milliseconds(1000));
  }
}

}  // namespace mirror::directory
