// SPDX-License-Identifier: Apache-2.0
#include "mirror/store_test.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "mirror/store_test_detail.hpp"
#include "net/cancelled.hpp"

namespace mirror::engine {

namespace {

namespace json = boost::json;

// fs.inotify.max_user_instances of a Linux that nobody has changed.
constexpr std::int64_t k_inotify_default = 128;
constexpr std::string_view k_inotify_hint =
    "Dovecot needs an inotify instance for each watched session: past fs.inotify.max_user_instances (128 by "
    "default, per user "
    "of that machine) a session sees nothing or only every 30 s, and no client can tell. Raise it there "
    "(sysctl) above the "
    "number of watched mailboxes; the slow poll goes on underneath.";

std::string acting(const Store& store, const std::string& owner) {
  if (store.access.method == imap::LoginMethod::own_password)
    return fmt::format("{} with a password of its own", owner);
  return fmt::format("{} acting for {}",
                     store.access.login.empty() ? "the client certificate" : store.access.login, owner);
}

// Nobody participates yet: the trusted login alone. Many servers refuse it that way, which proves nothing.
Task<Said> login_alone(Testing& t) {
  if (t.store->access.login.empty() || t.store->access.method == imap::LoginMethod::own_password)
    co_return skipped("no mailbox to log in to", "Add a mailbox (mirrorctl mailbox add), then test again.");
  const db::ProbeMailbox self{db::MailboxId{}, t.store->access.login};
  auto session = co_await open_for(t, self);
  if (session) {
    t.session = std::move(*session);
    co_return ok(fmt::format("{} as itself; no mailbox participates yet", self.owner));
  }
  co_return warning(fmt::format("{} as itself: {}", self.owner, session.error().text()),
                    "That may be right for a login that only acts for others. Add a mailbox (mirrorctl "
                    "mailbox add), then test again.");
}

Task<Said> login_step(Testing& t) {
  if (t.subject.owners.empty()) co_return co_await login_alone(t);
  for (const auto& owner : t.subject.owners) {
    ++t.tried;
    auto session = co_await open_for(t, owner);
    if (!session) {
      t.refused.emplace_back(owner.owner, session.error());
      continue;
    }
    t.session = std::move(*session);
    t.owner = owner;
    co_return ok(acting(*t.store, owner.owner));
  }
  co_return failed(t.refused.front().second);
}

Task<Said> impersonation_step(Testing& t) {
  if (t.store->access.method == imap::LoginMethod::own_password)
    co_return skipped("each owner logs in with a password of its own");
  if (t.subject.owners.empty())
    co_return skipped("no mailbox participates yet",
                      "Add a mailbox (mirrorctl mailbox add), then test again.");
  std::size_t accepted = 1;
  for (; t.tried < t.subject.owners.size(); ++t.tried) {
    const auto owner = t.subject.owners[t.tried];
    auto session = co_await open_for(t, owner);
    if (!session) {
      t.refused.emplace_back(owner.owner, session.error());
      continue;
    }
    ++accepted;
    co_await (*session)->logout();
  }
  std::string detail = fmt::format("{} of {} owners", accepted, t.subject.owners.size());
  if (t.refused.empty()) co_return ok(std::move(detail));
  for (const auto& [owner, failure] : t.refused) detail += fmt::format("; {}: {}", owner, failure.text());
  co_return warning(std::move(detail), std::string(t.refused.front().second.next_step()));
}

std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }, '?');
  return text.substr(0, 80);
}

Task<Said> server_step(Testing& t) {
  if (!t.session) co_return skipped("not logged in");
  if (!t.session->has(imap::Cap::id)) co_return skipped("ID is not offered");
  const auto about = co_await t.session->id();
  if (!about) co_return warning(about.error().text(), "");
  std::string detail;
  for (const auto& [name, value] : *about)
    detail += fmt::format("{}{} {}", detail.empty() ? "" : ", ", printable(name), printable(value));
  co_return ok(detail.empty() ? "it does not say what it is" : std::move(detail));
}

Task<Said> minimum_step(Testing& t) {
  if (!t.session) co_return skipped("not logged in");
  std::vector<std::string_view> missing;
  for (const auto cap : t.store->profile.required)
    if (!t.session->offers(cap)) missing.push_back(imap::to_text(cap));
  if (!missing.empty())
    co_return failed(Failure("MRD-IMAP-028", fmt::format("it lacks {}", fmt::join(missing, ", "))));
  co_return ok(t.store->profile.required.empty()
                   ? "the profile asks for nothing beyond RFC 3501"
                   : fmt::format("all {} the profile asks for", t.store->profile.required.size()));
}

Task<Said> namespace_step(Testing& t) {
  if (!t.session) co_return skipped("not logged in");
  std::tie(t.prefix, t.delimiter) = co_await t.session->personal_namespace();
  const auto folders = co_await t.session->list(false);
  if (!folders) co_return failed(folders.error());
  for (const auto& folder : *folders)
    if (t.delimiter == 0) t.delimiter = folder.delimiter;
  co_return ok(fmt::format("prefix \"{}\", separator \"{}\", {} folders", t.prefix,
                           t.delimiter == 0 ? std::string("none") : std::string(1, t.delimiter),
                           folders->size()));
}

// Which of the watches this server lets us set up, tried on a connection of its own.
Task<std::string> try_watch(Testing& t, imap::Session& session, std::string& refused) {
  const auto& method = t.store->profile.watch;
  if (method == "auto" && session.has(imap::Cap::notify)) {
    const auto reply = co_await session.notify();
    if (reply.ok()) co_return "NOTIFY";
    refused = "; NOTIFY refused: " + reply.text;
  }
  if ((method == "auto" || method == "idle") && session.has(imap::Cap::idle)) {
    const auto selected = co_await session.select(t.store->profile.idle_folders.front(), true);
    if (!selected) {
      refused += "; IDLE: " + selected.error().text();
      co_return "poll";
    }
    const auto reply = co_await session.idle_start();
    if (reply.ok()) {
      co_await session.idle_stop();
      co_return "IDLE";
    }
    refused += "; IDLE refused: " + reply.text;
  }
  co_return "poll";
}

Task<Said> watch_step(Testing& t) {
  if (!t.session || base::raw(t.owner.id) == 0) co_return skipped("no mailbox to watch yet");
  if (!t.subject.is_source && t.subject.is_target) co_return skipped("only sources are watched");
  auto session = co_await open_for(t, t.owner);
  if (!session) co_return failed(session.error());
  std::string refused;
  const std::string method = co_await try_watch(t, **session, refused);
  (*session)->close();
  const auto poll = std::chrono::duration_cast<Seconds>(t.world.settings.watch_poll).count();
  std::string detail = fmt::format("{}{}; LIST-STATUS poll every {} s underneath; {} mailboxes", method,
                                   refused, poll, t.subject.watched);
  if (method == "poll" && t.store->profile.watch != "push")
    co_return warning(std::move(detail),
                      "Changes are seen by the poll alone. A server with NOTIFY or IDLE tells them at once.");
  if (t.subject.watched >= k_inotify_default)
    co_return warning(std::move(detail), std::string(k_inotify_hint));
  co_return Said{"ok", std::move(detail), std::string(k_inotify_hint)};
}

// RFC 4314 section 2.1: everything but lookup, read, and the bits that change nothing for others.
bool may_write(const std::string& rights) {
  return rights.find_first_of("swiktexacd") != std::string::npos;
}

Task<Said> read_only_step(Testing& t) {
  if (!t.subject.is_source) co_return skipped("not the source of a link: it is meant to be written to");
  if (!t.session || base::raw(t.owner.id) == 0) co_return skipped("not logged in");
  if (!t.session->offers(imap::Cap::acl))
    co_return warning(
        "cannot be proven without writing: the server does not offer ACL",
        "mirrord itself never writes to a source. Let the server guard it too: give the login read rights "
        "only "
        "(docs/quickstart.md) and offer ACL (Dovecot: imap_acl) so that this test can see them.");
  const auto rights = co_await t.session->my_rights("INBOX");
  if (!rights)
    co_return warning("MYRIGHTS INBOX: " + rights.error().text(), std::string(rights.error().next_step()));
  const std::string detail = fmt::format("rights on INBOX: {}", *rights);
  if (may_write(*rights)) co_return warning(detail, std::string(Failure("MRD-MIR-017", "").next_step()));
  co_return ok(detail);
}

}  // namespace

bool StoreTest::passed() const {
  return std::none_of(steps.begin(), steps.end(), [](const auto& s) { return s.outcome == "failed"; });
}

std::string to_json(const StoreTest& test) {
  json::array steps, capabilities;
  for (const auto& s : test.steps)
    steps.push_back(
        {{"name", s.name}, {"outcome", s.outcome}, {"ms", s.ms}, {"detail", s.detail}, {"hint", s.hint}});
  for (const auto& c : test.capabilities)
    capabilities.push_back({{"name", c.name}, {"offered", c.offered}, {"used", c.used}, {"why", c.why}});
  json::object out;
  out["steps"] = std::move(steps);
  out["capabilities"] = std::move(capabilities);
  return json::serialize(out);
}

Task<void> step(Testing& t, std::string name, Step what, bool always) {
  TestStep done;
  done.name = std::move(name);
  const auto began = t.world.clock.now();
  if (!t.stopped || always) try {
      Said said = co_await what(t);
      done.outcome = std::move(said.outcome);
      done.detail = std::move(said.detail);
      done.hint = std::move(said.hint);
    } catch (const base::Failed& lost) {
      if (lost.failure().scope() == base::Scope::process) throw;
      done.outcome = "failed";
      done.detail = lost.failure().text();
      done.hint = std::string(lost.failure().next_step());
    }
  else
    done.detail = "an earlier step failed";
  done.ms = std::chrono::duration_cast<Millis>(t.world.clock.now() - began).count();
  t.stopped = t.stopped || done.outcome == "failed";
  t.out.steps.push_back(std::move(done));
}

Task<base::Result<std::unique_ptr<imap::Session>>> open_for(Testing& t, db::ProbeMailbox owner) {
  using Opened = base::Result<std::unique_ptr<imap::Session>>;
  base::SecretText own_password;
  if (t.store->access.method == imap::LoginMethod::own_password) {
    const auto sealed = co_await db::load_owner_password(t.world.pool, t.store->record.id, owner.owner);
    auto opened = t.world.book.open_password(*t.store, owner.owner, sealed);
    if (!opened) co_return Opened(opened.error());
    own_password = std::move(*opened);
  }
  // Dovecot closes the connection when it knows the login but not the owner: of interest for that owner
  // alone.
  std::optional<Failure> lost;
  try {
    co_return co_await imap::Session::open(t.store->access, owner.owner, std::move(own_password));
  } catch (const base::Failed& failed) {
    if (failed.failure().scope() == base::Scope::process) throw;
    lost = failed.failure();
  }
  co_return Opened(*lost);
}

Task<StoreTest> test_store(World& world, std::shared_ptr<const Store> store, db::StoreSubject subject,
                           db::RunId run) {
  Testing t{world, std::move(store), std::move(subject), run, {}, false, {}, {}, {}, {}, 0, {}, {}, 0, {}, {},
            {}};
  co_await probe_steps(t);
  co_await step(t, "login", login_step);
  co_await step(t, "impersonation", impersonation_step);
  t.out.capabilities = capability_lines(t);
  co_await step(t, "server", server_step);
  co_await step(t, "minimum", minimum_step);
  co_await step(t, "namespace", namespace_step);
  co_await step(t, "watch", watch_step);
  co_await step(t, "read only", read_only_step);
  co_await scratch_steps(t);
  if (t.session && t.session->usable()) co_await t.session->logout();
  co_return std::move(t.out);
}

}  // namespace mirror::engine
