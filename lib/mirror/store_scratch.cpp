// SPDX-License-Identifier: Apache-2.0
// The steps of a store test that write: on a target that is no source, in a scratch folder of their own.

#include "base/digest.hpp"
#include "base/scram_crypto.hpp"
#include "mirror/store_test_detail.hpp"
#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

constexpr std::string_view k_scratch = "mirrord-test-";
constexpr int k_looks = 3;  // a late server may still store what it has
constexpr Millis k_between{300};
constexpr std::size_t k_body_lines = 60;

std::string random_hex(std::size_t octets) {
  std::string out;
  for (const char c : base::random_octets(octets))
    out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

// Unlike any other message, a few KiB, lines as RFC 5322 wants them.
std::string make_body(std::string_view subject) {
  std::string body = fmt::format(
      "From: mirrord <mirrord@localhost>\r\nTo: mirrord <mirrord@localhost>\r\nSubject: {}\r\n"
      "Message-ID: <{}@mirrord.test>\r\nDate: Sat, 3 Feb 2001 04:05:06 +0530\r\n\r\n",
      subject, random_hex(12));
  for (std::size_t i = 0; i < k_body_lines; ++i) body += random_hex(32) + "\r\n";
  return body;
}

const base::FlagSet& test_flags() {
  static const base::FlagSet flags({"\\Seen", "\\Flagged"});
  return flags;
}
base::InternalDate test_date() {
  return *base::InternalDate::parse(" 3-Feb-2001 04:05:06 +0530");
}

class DigestSink final : public imap::BodySink {
 public:
  Task<void> begin(base::Uid, std::uint64_t) override { co_return; }
  Task<void> chunk(std::string_view octets) override {
    sha_.update(octets);
    size += octets.size();
    co_return;
  }
  Task<void> end() override {
    ++messages;
    digest = sha_.finish();
    co_return;
  }
  Task<void> gone(base::Uid) override { co_return; }
  base::Digest digest{};
  std::uint64_t size = 0;
  int messages = 0;

 private:
  base::Sha256 sha_;
};

Task<Said> create_step(Testing& t) {
  const std::string name = t.prefix + std::string(k_scratch) + random_hex(6);
  const auto made = co_await t.session->create(name);
  if (!made.ok()) co_return failed(imap::failure_of(made, "CREATE", name));
  t.scratch = name;
  co_await db::note_scratch(t.world.pool, t.run, t.owner.id, name, true);
  co_return ok(fmt::format("{} in {}", name, t.owner.owner));
}

Task<Said> append_step(Testing& t) {
  t.body = make_body("mirrord store test");
  const auto append = t.session->append(t.scratch, 1, false);
  const auto refused = co_await append->begin(test_flags(), test_date(), t.body.size());
  if (refused) co_return failed(imap::failure_of(*refused, "APPEND", t.scratch));
  co_await append->octets(t.body);
  co_await append->release();
  const auto replies = co_await append->finish();
  t.appended = replies.front();
  if (!t.appended.ok()) co_return failed(imap::failure_of(t.appended, "APPEND", t.scratch));
  co_return ok(fmt::format("{} octets", t.body.size()));
}

// What differs between what was sent and what the server gives back; empty: nothing.
Task<Said> fetch_step(Testing& t) {
  const auto selected = co_await t.session->select(t.scratch, true);
  if (!selected) co_return failed(selected.error());
  const auto uids = co_await t.session->search_all();
  if (!uids) co_return failed(uids.error());
  if (uids->count() != 1)
    co_return failed(Failure("MRD-MIR-003", fmt::format("{} messages after one APPEND", uids->count())));
  imap::MessageData facts;
  imap::FetchWhat what;
  what.date = what.size = true;
  const auto fetched = co_await t.session->fetch(*uids, what, [&](const imap::MessageData& m) { facts = m; });
  if (!fetched.ok()) co_return failed(imap::failure_of(fetched, "FETCH", t.scratch));
  DigestSink sink;
  const auto bodies = co_await t.session->fetch_bodies(*uids, sink);
  if (!bodies.ok()) co_return failed(imap::failure_of(bodies, "FETCH", t.scratch));
  if (sink.messages != 1 || sink.digest != base::sha256(t.body))
    co_return failed(
        Failure("MRD-MIR-001", fmt::format("{} octets were sent, {} came back", t.body.size(), sink.size)));
  std::string altered;
  if (!facts.flags || !(*facts.flags == test_flags()))
    altered += fmt::format("flags sent {}, kept {}; ", test_flags().text(),
                           facts.flags ? facts.flags->text() : "none");
  if (!facts.date || !(*facts.date == test_date()))
    altered +=
        fmt::format("date sent {}, kept {}; ", test_date().text(), facts.date ? facts.date->text() : "none");
  if (facts.size != t.body.size()) altered += fmt::format("RFC822.SIZE says {}; ", facts.size.value_or(0));
  if (!altered.empty())
    co_return warning(
        altered, "The target does not keep all of a message: see docs/limits.md for what servers change.");
  co_return ok("digest, flags and date as sent");
}

Task<Said> uidplus_step(Testing& t) {
  const auto answer = imap::append_uid(t.appended);
  if (answer && answer->uids.count() == 1) co_return ok("APPENDUID " + t.appended.code_text);
  co_return warning(t.session->offers(imap::Cap::uidplus)
                        ? "UIDPLUS is offered, but APPEND was answered without a UID"
                        : "not offered",
                    "Every copy is looked up again after it was appended: slower, and as safe. On Dovecot "
                    "and Cyrus the login "
                    "needs the right to read.");
}

Task<base::Result<std::uint64_t>> count_scratch(Testing& t) {
  using Count = base::Result<std::uint64_t>;
  std::uint64_t most = 0;
  for (int look = 0; look < k_looks; ++look) {
    co_await net::sleep_for(k_between);
    const auto selected = co_await t.session->select(t.scratch, true);
    if (!selected) co_return Count(selected.error());
    const auto uids = co_await t.session->search_all();
    if (!uids) co_return Count(uids.error());
    most = std::max(most, uids->count());
  }
  co_return Count(most);
}

// Law 3 stands on this: what lacks its last octet is not stored, and neither is what came before it in one
// command.
Task<Said> interrupted_step(Testing& t) {
  auto other = co_await open_for(t, t.owner);
  if (!other) co_return failed(other.error());
  const bool multi = (*other)->has(imap::Cap::multiappend);
  {
    const auto append = (*other)->append(t.scratch, multi ? 2 : 1, multi);
    for (int i = 0; i < (multi ? 2 : 1); ++i) {
      if (i > 0) co_await append->release();
      const std::string body = make_body("mirrord store test, interrupted");
      const auto refused = co_await append->begin(test_flags(), test_date(), body.size());
      if (refused) co_return failed(imap::failure_of(*refused, "APPEND", t.scratch));
      co_await append->octets(body);
    }
    co_await net::sleep_for(k_between);  // all but the last octet is there now
    (*other)->close();
  }
  const auto count = co_await count_scratch(t);
  if (!count) co_return failed(count.error());
  if (*count != 1)
    co_return failed(Failure(
        "MRD-MIR-014", fmt::format("an APPEND that was never completed was stored: {} messages", *count)));
  co_return ok(
      multi ? "two messages, the last octet withheld, closed: nothing was stored"
            : "MULTIAPPEND is not offered; one message, the last octet withheld, closed: nothing was stored");
}

Task<void> delete_scratch(Testing& t) {
  if (!t.session->usable()) {
    auto fresh = co_await open_for(t, t.owner);
    if (!fresh) throw base::Failed(fresh.error());
    t.session = std::move(*fresh);
  }
  if (!t.session->selected().empty()) co_await t.session->unselect();
  const auto removed = co_await t.session->remove(t.scratch);
  if (!removed.ok()) throw base::Failed(imap::failure_of(removed, "DELETE", t.scratch));
  co_await db::note_scratch(t.world.pool, t.run, t.owner.id, t.scratch, false);
}

Task<Said> remove_step(Testing& t) {
  if (t.scratch.empty()) co_return skipped("none was made");
  const std::string name = t.scratch;
  std::optional<Failure> failure;
  try {
    co_await delete_scratch(t);
    t.scratch.clear();
  } catch (const base::Failed& lost) {
    if (lost.failure().scope() == base::Scope::process) throw;
    failure = lost.failure();
  }
  if (failure)
    co_return Said{"failed", failure->text(),
                   fmt::format("Remove the folder {} of {} by hand.", name, t.owner.owner)};
  co_return ok(name);
}

}  // namespace

Task<void> scratch_steps(Testing& t) {
  struct Row {
    const char* name;
    Step what;
    bool always;
  };
  static constexpr Row k_rows[] = {{"scratch folder", create_step, false},
                                   {"append", append_step, false},
                                   {"fetch back", fetch_step, false},
                                   {"uidplus", uidplus_step, false},
                                   {"interrupted append", interrupted_step, false},
                                   {"scratch removed", remove_step, true}};
  const bool logged_in = t.session && base::raw(t.owner.id) != 0;
  for (const auto& row : k_rows) {
    if (t.writable() && (logged_in || t.stopped)) {
      co_await step(t, row.name, row.what, row.always);
      continue;
    }
    TestStep skipped;
    skipped.name = row.name;
    skipped.detail = t.subject.is_source   ? "a source is never written to"
                     : t.subject.is_target ? "no mailbox participates yet"
                                           : "no link uses this store as its target yet";
    t.out.steps.push_back(std::move(skipped));
  }
}

}  // namespace mirror::engine
