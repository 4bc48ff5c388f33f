// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/apply.hpp"

#include "db/records.hpp"
#include "mirror/directory/renamer.hpp"
#include "mirror/directory/window.hpp"
#include "net/cancelled.hpp"

namespace mirror::directory {

namespace {

constexpr int k_idle = 2;  // batches of which nothing could be sent in time

// Changes that are under way together; while they are, those before are recorded and the next ones permitted.
struct Batch {
  Changer* changer = nullptr;
  std::vector<db::ChangeRow> rows;
  std::vector<db::ChangeResult> results;
  base::BootTime permitted{};

  Task<void> operator()(std::size_t i) { results[i] = co_await changer->make(std::move(rows[i]), permitted); }
};

class Apply {
 public:
  Apply(Context& context, Side& source, Side& target, const EntryReader& reader, ApplyWhat what)
      : context_(context),
        changer_(context, source, target, reader,
                 {what.run, what.link, what.plan, what.operations_per_second}),
        source_(source),
        target_(target),
        reader_(reader),
        what_(std::move(what)) {
    // No more than can be sent while the permission is fresh.
    batch_ = 4 * what_.window;
    if (what_.operations_per_second > 0)
      batch_ = std::clamp<std::size_t>(2 * what_.operations_per_second, 1, batch_);
  }

  Task<bool> run() {
    if (wants("rename")) {
      RenameWhat renames{sender(), what_.link, what_.reason};
      if (!co_await make_renames(context_, changer_, source_, target_, reader_, std::move(renames)))
        co_return false;
    }
    for (const char* kind : {"rename", "add", "modify", "disable", "delete"}) {
      if (!wants(kind)) continue;
      const bool whole = co_await phase(kind);
      if (!whole) co_return false;
    }
    co_return true;
  }

 private:
  bool wants(const std::string& kind) const {
    return what_.only.empty() || std::ranges::find(what_.only, kind) != what_.only.end();
  }
  db::Sender sender() const { return {what_.plan, what_.run, context_.node}; }

  Task<void> take(std::string kind, Batch* into) {
    // The clock first: the permission is as old as that.
    into->permitted = context_.clock.now();
    into->changer = &changer_;
    auto rows = co_await db::take_changes(context_.pool, sender(), std::move(kind), batch_);
    permitted_ = rows.has_value();
    into->rows = rows ? std::move(*rows) : std::vector<db::ChangeRow>{};
    into->results = std::vector<db::ChangeResult>(into->rows.size());
  }

  // A permission that grew old while the batch before was under way.
  Task<void> refresh(Batch* batch) {
    if (batch->rows.empty() || context_.clock.now() - batch->permitted < context_.send_within / 4) co_return;
    std::vector<db::ChangeId> ids;
    for (const auto& row : batch->rows) ids.push_back(row.id);
    const auto now = context_.clock.now();
    permitted_ = co_await db::permit_again(context_.pool, sender(), std::move(ids));
    batch->permitted = now;
  }

  Task<void> save(std::vector<db::ChangeResult> results) {
    return db::save_results(context_.pool, what_.run, what_.link, what_.plan, what_.reason,
                            std::move(results));
  }

  // What was permitted and never sent is permitted no more.
  Task<void> take_back(Batch batch) {
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
      batch.results[i].row = std::move(batch.rows[i]);
      batch.results[i].state = "planned";
    }
    co_await save(std::move(batch.results));
  }

  // Until nothing of this kind is left to be sent. While a batch is under way, the one before it is recorded
  // and the next one is permitted.
  Task<bool> phase(std::string kind) {
    int idle = 0;
    Batch now, next;
    std::vector<db::ChangeResult> ended;
    co_await take(kind, &now);
    while (permitted_ && !now.rows.empty() && idle <= k_idle && !changer_.lost()) {
      std::exception_ptr failed;
      {
        net::TaskGroup group(co_await net::asio::this_coro::executor);
        group.spawn("changes", for_each_at_once(now.rows.size(), what_.window, now));
        group.spawn("take", take(kind, &next));
        group.spawn("save", save(std::move(ended)));
        try {
          co_await group.join();
        } catch (...) {
          failed = std::current_exception();
        }
      }
      if (failed && net::is_cancellation(failed)) std::rethrow_exception(failed);
      ended = std::move(now.results);
      now = {};
      // What has no result by a failure stays 'sent': the next reading says what became of it.
      std::erase_if(ended, [](const auto& r) { return r.state.empty(); });
      const bool none_sent = std::ranges::all_of(ended, [](const auto& r) { return r.state == "planned"; });
      idle = none_sent ? idle + 1 : 0;
      if (failed) {
        co_await save(std::move(ended));
        std::rethrow_exception(failed);
      }
      co_await refresh(&next);
      now = std::exchange(next, {});
      if (!now.rows.empty() || !permitted_) continue;
      co_await save(std::exchange(ended, {}));
      co_await take(kind, &now);  // what could not be sent in time
    }
    co_await save(std::move(ended));
    co_await take_back(std::move(now));
    if (changer_.lost()) throw base::Failed(*changer_.lost());
    if (idle > k_idle && permitted_ && context_.gate.open())
      throw base::Failed(base::Failure("MRD-LDAP-006", "production answers too slowly to be sent in time"));
    co_return permitted_&& idle <= k_idle;
  }

  Context& context_;
  Changer changer_;
  Side& source_;
  Side& target_;
  const EntryReader& reader_;
  ApplyWhat what_;
  std::size_t batch_ = 0;
  bool permitted_ = true;
};

}  // namespace

Task<bool> apply_plan(Context& context, Side& source, Side& target, const EntryReader& reader,
                      ApplyWhat what) {
  Apply apply(context, source, target, reader, std::move(what));
  co_return co_await apply.run();
}

}  // namespace mirror::directory
