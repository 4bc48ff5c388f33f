// SPDX-License-Identifier: Apache-2.0
#include "mirror/run_estimate.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/fault.hpp"
#include "base/log.hpp"
#include "db/store_subject.hpp"
#include "mirror/facts.hpp"
#include "mirror/plan/folder_names.hpp"
#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

namespace json = boost::json;
namespace log = base::log;

constexpr std::size_t k_at_once = 50;
constexpr std::size_t k_set = 5000;  // messages a FETCH asks for: between two the site may be suspended
constexpr std::int64_t k_wire = 78, k_audio = 57;
constexpr std::int64_t k_g711_octets = 8000, k_gsm_octets = 1625;  // a second

std::int64_t minutes(std::int64_t octets, std::int64_t a_second) {
  return octets * k_audio / k_wire / a_second / 60;
}

bool matches_any(const std::vector<std::string>& masks, const std::string& name) {
  return std::any_of(masks.begin(), masks.end(),
                     [&](const auto& mask) { return plan::glob_match(mask, name); });
}

struct Suspended {};  // the site stopped mirroring: the run waits, from this mailbox on

bool is_wanted(const Store& store, const db::LinkRecord& link, const imap::Folder& folder) {
  if (!folder.selectable()) return false;
  for (const auto& attribute : store.profile.exclude_attributes)
    if (folder.attributes.contains(attribute)) return false;
  return !matches_any(store.profile.exclude_folders, folder.name) &&
         matches_any(link.folder_include, folder.name) && !matches_any(link.folder_exclude, folder.name);
}

Task<Estimate> estimate_folder(Gate& gate, const Store& store, imap::Session& session,
                               const imap::Folder& folder) {
  Estimate out;
  out.folders = 1;
  if (folder.status && folder.status->messages == 0U) co_return out;
  const auto selected = co_await session.select(folder.name, true);
  if (!selected) throw base::Failed(selected.error());
  const auto uids = co_await session.search_all();
  if (!uids) throw base::Failed(uids.error());
  const auto all = uids->expand(selected->exists + k_set);
  if (!all) throw base::Failed(Failure("MRD-IMAP-006", "SEARCH " + folder.name));
  imap::FetchWhat what;
  what.flags = false;
  what.size = true;
  const bool all_greetings = matches_any(store.profile.greeting_folders, folder.name);
  const auto rule = all_greetings ? plan::GreetingRule{} : store.profile.greeting_rule;
  const auto count = [&](const imap::MessageData& m, bool greeting) {
    ++out.messages;
    if (greeting || all_greetings) ++out.greetings;
    out.octets += static_cast<std::int64_t>(m.size.value_or(0));
  };
  for (std::size_t at = 0; at < all->size(); at += k_set) {
    if (!gate.open()) throw Suspended();
    const std::size_t end = std::min(at + k_set, all->size());
    const std::vector<base::Uid> part(all->begin() + static_cast<std::ptrdiff_t>(at),
                                      all->begin() + static_cast<std::ptrdiff_t>(end));
    const auto reply = co_await fetch_judged(session, base::UidSet::of(part), what, rule, count);
    if (!reply.ok()) throw base::Failed(imap::failure_of(reply, "FETCH", folder.name));
  }
  co_return out;
}

Task<Estimate> estimate_mailbox(World& world, Gate& gate, db::RunMailbox mailbox) {
  const Inside inside(gate);
  Estimate out;
  out.mailboxes = 1;
  const auto link = world.book.link(mailbox.link);
  auto session = co_await world.sessions.borrow(mailbox.source, mailbox.name);
  if (!session) throw base::Failed(session.error());
  const auto folders = co_await (*session)->list(true);
  if (!folders) throw base::Failed(folders.error());
  for (const auto& folder : *folders) {
    if (!gate.open()) throw Suspended();
    if (!link || !is_wanted(session->store(), *link, folder)) continue;
    const Estimate one = co_await estimate_folder(gate, session->store(), **session, folder);
    out.add(one);
  }
  co_await (*session)->unselect();
  co_return out;
}

// Throws Suspended when the site stops mirroring in the middle: the mailbox is then not counted yet.
Task<void> estimate_one(World& world, Gate& gate, const db::RunRecord& run, db::RunMailbox mailbox,
                        Estimate& total) {
  std::string state = "done", detail;
  try {
    const Estimate one = co_await estimate_mailbox(world, gate, mailbox);
    total.add(one);
    detail = to_json(one);
  } catch (const base::Failed& lost) {
    const auto& failure = lost.failure();
    if (failure.scope() == base::Scope::process) throw;
    state = "failed";
    ++total.mailboxes;
    ++total.unseen_mailboxes;
    detail = json::serialize(json::object{{"code", std::string(failure.code())},
                                          {"text", failure.text()},
                                          {"next_step", std::string(failure.next_step())}});
  }
  // Before the mailbox: the last one ends the run, and its result must be whole by then.
  co_await db::set_run_result(world.pool, run.id, to_json(total));
  co_await db::finish_run_mailbox(world.pool, run.id, mailbox.id, state, detail);
}

Task<void> work_through(World& world, Gate& gate, db::RunRecord run) {
  log::info("run.started", "an estimate started", {{"run", fmt::format("{}", run.id)}, {"mask", run.mask}});
  co_await db::begin_anew(world.pool, run.id);
  Estimate total;
  total.octets_per_second = co_await db::measured_rate(world.pool);
  co_await db::set_run_result(world.pool, run.id, to_json(total));
  for (;;) {
    const auto mailboxes = co_await db::waiting_mailboxes(world.pool, run.id, k_at_once);
    if (mailboxes.empty()) break;
    for (const auto& mailbox : mailboxes) {
      if (co_await db::run_cancelled(world.pool, run.id)) {
        co_await db::finish_run(world.pool, run.id, world.settings.node, "cancelled", to_json(total));
        co_return;
      }
      for (bool counted = false; !counted;) {
        while (!gate.open()) co_await net::sleep_for(world.settings.heartbeat);
        try {
          co_await estimate_one(world, gate, run, mailbox, total);
          counted = true;
        } catch (const Suspended&) {
          log::info("run.waits", "an estimate waits until mirroring goes on",
                    {{"run", fmt::format("{}", run.id)}});
        }
      }
    }
  }
  co_await db::mark_run_dirty(world.pool, run.id);  // ends a run without mailboxes
}

}  // namespace

void Estimate::add(const Estimate& other) {
  mailboxes += other.mailboxes;
  unseen_mailboxes += other.unseen_mailboxes;
  folders += other.folders;
  messages += other.messages;
  greetings += other.greetings;
  octets += other.octets;
}

std::int64_t Estimate::g711_minutes() const {
  return minutes(octets, k_g711_octets);
}
std::int64_t Estimate::gsm_minutes() const {
  return minutes(octets, k_gsm_octets);
}

std::string to_json(const Estimate& e) {
  json::object out{{"mailboxes", e.mailboxes},
                   {"unseen_mailboxes", e.unseen_mailboxes},
                   {"folders", e.folders},
                   {"messages", e.messages},
                   {"greetings", e.greetings},
                   {"octets", e.octets},
                   {"g711_minutes", e.g711_minutes()},
                   {"gsm_minutes", e.gsm_minutes()}};
  const bool known = e.octets_per_second && *e.octets_per_second > 0;
  // null, never 0: nothing was measured yet.
  out["octets_per_second"] = known ? json::value(*e.octets_per_second) : json::value(nullptr);
  out["seconds_at_measured_rate"] =
      known ? json::value((e.octets + *e.octets_per_second - 1) / *e.octets_per_second)
            : json::value(nullptr);
  return json::serialize(out);
}

Task<void> run_estimates(World& world, Gate& gate, Wake& wake) {
  for (;;) {
    base::fault_throw("estimate");
    std::optional<db::RunRecord> run;
    if (gate.open()) run = co_await db::take_run(world.pool, world.settings.node, {"estimate"});
    if (run)
      co_await work_through(world, gate, *run);
    else
      co_await wake.wait(Millis(1000));
  }
}

}  // namespace mirror::engine
