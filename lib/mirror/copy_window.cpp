// SPDX-License-Identifier: Apache-2.0
#include "mirror/copy_window.hpp"

#include <boost/asio/this_coro.hpp>

#include "base/digest.hpp"
#include "base/fault.hpp"
#include "mirror/blame.hpp"
#include "mirror/canonical.hpp"
#include "net/task_group.hpp"

namespace mirror::engine {

namespace {

std::vector<db::Intent> intents_of(const FolderWork& folder, const std::vector<plan::CopyItem>& items) {
  std::vector<db::Intent> intents;
  for (const auto& item : items) {
    db::Intent intent;
    intent.source = item.source;
    intent.floor = folder.target_view.uidnext;
    intent.size = item.size;
    intent.date = item.date;
    intent.message_id_hash = item.message_id_hash;
    intent.flags = item.flags;
    intent.greeting = folder.row.greetings || item.greeting;
    intents.push_back(std::move(intent));
  }
  return intents;
}

// Commits the intents while the first literal streams.
Task<void> commit_intents(Pass* pass, db::FolderKey key, std::vector<db::Intent>* intents) {
  const auto asked = pass->world.clock.now();
  const auto ids = co_await db::open_intents(pass->world.pool, pass->fence, key, *intents);
  for (std::size_t i = 0; i < ids.size(); ++i) (*intents)[i].id = ids[i];
  pass->permitted_at = asked;
  base::fault_point("intents.committed");
}

// Receives the streamed FETCH and passes each message on. The octet an AppendStream withholds for message i
// is released when message i+1 begins, or at the end of the window.
class Relay final : public imap::BodySink {
 public:
  Relay(Pass& pass, FolderWork& folder, std::vector<db::Intent>& intents, imap::AppendStream& append,
        net::TaskGroup& commit)
      : pass_(pass), folder_(folder), intents_(intents), append_(append), commit_(commit) {}

  Task<void> begin(base::Uid uid, std::uint64_t length) override {
    current_ = nullptr;
    const auto found =
        std::find_if(intents_.begin(), intents_.end(), [&](const auto& i) { return i.source == uid; });
    if (found == intents_.end() || length == 0 || (refusal && append_.multi())) co_return;
    if (std::find(sent_.begin(), sent_.end(), uid) != sent_.end()) co_return;
    co_await release();
    base::fault_point("append.begin");
    found->length = length;
    found->begun = true;
    refusal = co_await append_.begin(plan::storable(found->flags, folder_.keeps), found->date, length);
    if (refusal) {
      found->begun = false;
      if (!append_.multi()) refusals[uid] = *refusal;
      co_return;
    }
    current_ = &*found;
    header_ = {};
    sent_.push_back(uid);
    withheld_ = true;
  }
  Task<void> chunk(std::string_view octets) override {
    if (current_ == nullptr) co_return;
    sha_.update(octets);
    header_.feed(octets);
    co_await append_.octets(octets);
  }
  Task<void> end() override {
    if (current_ == nullptr) co_return;
    current_->digest = sha_.finish();
    if (header_.found()) alterable.add(current_->source);
    current_ = nullptr;
    base::fault_point("append.octets");
  }
  Task<void> gone(base::Uid) override { co_return; }

  // The withheld octet of the last message may leave once the window's intents are committed, and only while
  // that permission is fresh: a slow source makes it be asked for again.
  Task<void> release() {
    if (!withheld_) co_return;
    co_await commit_.join();
    co_await pass_.ensure_permitted();
    base::fault_point("append.release");
    co_await append_.release();
    withheld_ = false;
  }
  // In the order in which they were sent: the order of the UIDs in the answer.
  const std::vector<base::Uid>& sent() const { return sent_; }

  std::optional<imap::Reply> refusal;  // of the last message, before its literal could leave
  std::map<base::Uid, imap::Reply> refusals;
  base::UidSet alterable;

 private:
  Pass& pass_;
  FolderWork& folder_;
  std::vector<db::Intent>& intents_;
  imap::AppendStream& append_;
  net::TaskGroup& commit_;
  db::Intent* current_ = nullptr;
  base::Sha256 sha_;
  AlterableHeader header_;
  std::vector<base::Uid> sent_;
  bool withheld_ = false;
};

void split_by_sent(const std::vector<db::Intent>& intents, const std::vector<base::Uid>& order,
                   std::vector<db::Intent>& sent, std::vector<db::Intent>& gone) {
  std::map<base::Uid, const db::Intent*> by_uid;
  for (const auto& intent : intents) by_uid[intent.source] = &intent;
  for (const auto uid : order) sent.push_back(*by_uid.at(uid));
  for (const auto& intent : intents)
    if (std::find(order.begin(), order.end(), intent.source) == order.end()) gone.push_back(intent);
}

// To one command, of one message or of all.
void read_answer(const imap::Reply& reply, const FolderWork& folder, std::vector<db::Intent> sent,
                 WindowOutcome& outcome) {
  const auto answer = reply.ok() ? imap::append_uid(reply) : std::nullopt;
  const bool usable =
      answer && answer->uidvalidity == folder.row.target_uidvalidity && answer->uids.count() == sent.size();
  const auto uids = usable ? answer->uids.expand(sent.size()) : std::nullopt;
  if (!uids) {
    if (!reply.ok() && outcome.multi) outcome.refusal = reply;
    for (auto& intent : sent) {
      if (!reply.ok() && !outcome.multi) outcome.refusals[intent.source] = reply;
      outcome.unresolved.push_back(std::move(intent));
    }
    return;
  }
  for (std::size_t i = 0; i < sent.size(); ++i) {
    db::Stored stored;
    stored.intent = std::move(sent[i]);
    stored.target = (*uids)[i];
    outcome.stored.push_back(std::move(stored));
  }
}

void read_answers(const std::vector<imap::Reply>& replies, const FolderWork& folder,
                  std::vector<db::Intent> sent, WindowOutcome& outcome) {
  if (outcome.multi) {
    read_answer(replies.front(), folder, std::move(sent), outcome);
    return;
  }
  for (std::size_t i = 0; i < sent.size(); ++i) {
    if (i < replies.size())
      read_answer(replies[i], folder, {sent[i]}, outcome);
    else
      outcome.unresolved.push_back(sent[i]);
  }
}

Task<WindowOutcome> run_window(Pass& pass, FolderWork& folder, std::vector<db::Intent>& intents,
                               bool allow_multi, net::TaskGroup& commit) {
  base::UidSet uids;
  for (const auto& intent : intents) uids.add(intent.source);
  const auto append = pass.target->append(folder.row.target_name, intents.size(), allow_multi);
  commit.spawn("intents", commit_intents(&pass, folder.key(), &intents));
  Relay relay(pass, folder, intents, *append, commit);
  const auto fetched = co_await pass.source->fetch_bodies(std::move(uids), relay);
  co_await commit.join();
  WindowOutcome outcome;
  outcome.multi = append->multi();
  if (outcome.multi) outcome.refusal = relay.refusal;
  outcome.refusals = std::move(relay.refusals);
  outcome.alterable = std::move(relay.alterable);
  std::vector<db::Intent> sent;
  split_by_sent(intents, relay.sent(), sent, outcome.gone);
  if (!fetched.ok()) {
    // The source broke off in the middle: nothing more is released, and what left before is found by looking.
    pass.target.drop();
    throw base::Failed(imap::failure_of(fetched, "FETCH", folder.source.name));
  }
  if (sent.empty()) co_return outcome;
  if (outcome.refusal) {
    // The command has ended with a NO in its middle; whether anything is stored is found by looking.
    outcome.unresolved = std::move(sent);
    co_return outcome;
  }
  const auto asked = pass.world.clock.now();
  co_await db::save_digests(pass.world.pool, pass.fence, sent);
  pass.permitted_at = asked;
  base::fault_point("digests.committed");
  co_await relay.release();
  const auto replies = co_await append->finish();
  base::fault_point("append.answered");
  read_answers(replies, folder, std::move(sent), outcome);
  co_return outcome;
}

// Nothing can be stored of what was never begun. lost: where the target ended the session, it did so at one
// of those that were begun; where the source did, at one it was asked for.
Task<void> save_sends(Pass& pass, const std::vector<db::Intent>& intents,
                      const std::optional<Failure>& lost) {
  const bool by_target = lost && imap::names_store(*lost, pass.target.store().record.name);
  std::vector<base::IntentId> ended, never_begun;
  for (const auto& intent : intents) {
    if (base::raw(intent.id) == 0) continue;
    if (!intent.begun) never_begun.push_back(intent.id);
    if (lost && (intent.begun || !by_target)) ended.push_back(intent.id);
  }
  if (ended.empty() && never_begun.empty()) co_return;
  co_await db::save_lost_sends(pass.world.pool, pass.fence, std::move(ended), std::move(never_begun));
}

}  // namespace

Task<WindowOutcome> send_window(Pass& pass, FolderWork& folder, std::vector<plan::CopyItem> items,
                                bool allow_multi) {
  auto intents = intents_of(folder, items);
  const auto executor = co_await net::asio::this_coro::executor;
  net::TaskGroup commit(executor);
  std::exception_ptr error;
  std::optional<Failure> lost;
  try {
    co_return co_await run_window(pass, folder, intents, allow_multi, commit);
  } catch (const base::Failed& failed) {
    // Its intents tell the next pass what was tried: they are not recalled.
    if (ends_session(failed.failure())) lost = failed.failure();
    error = std::current_exception();
  } catch (...) {
    error = std::current_exception();
  }
  // Whatever went wrong, the octets withheld must never leave.
  pass.target.drop();
  // A cancelled coroutine could wait for nothing any more.
  co_await net::asio::this_coro::reset_cancellation_state(net::asio::disable_cancellation());
  if (!lost) commit.cancel();
  try {
    co_await commit.join();
    co_await save_sends(pass, intents, lost);
  } catch (const base::Failed&) {
    // the first error is the one to tell
  }
  std::rethrow_exception(error);
}

}  // namespace mirror::engine
