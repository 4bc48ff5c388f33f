// SPDX-License-Identifier: Apache-2.0
#include "base/scram_crypto.hpp"
#include "imap/base64.hpp"
#include "imap/response_code.hpp"
#include "imap/scram.hpp"
#include "imap/session_detail.hpp"
#include "net/timeout.hpp"

namespace mirror::imap {

using base::Failed;
using base::Failure;
using base::Result;
using base::SecretText;

namespace {

// An OK before the server's last message skips its proof that it knows the password.
Result<Reply> refused_or_unproven(Reply reply) {
  if (reply.ok()) return Failure("MRD-IMAP-001", "SCRAM: the server did not prove itself");
  return reply;
}

}  // namespace

Task<Result<std::unique_ptr<Session>>> open_on(Access access, std::unique_ptr<net::Stream> stream,
                                               std::string owner, SecretText own_password) {
  auto session = std::make_unique<SessionImpl>(std::move(access), std::move(stream));
  const auto done = co_await session->establish(std::move(owner), std::move(own_password));
  if (done.has_error()) co_return done.error();
  co_return std::unique_ptr<Session>(std::move(session));
}

Task<Result<std::unique_ptr<Session>>> Session::open(Access access, std::string owner,
                                                     SecretText own_password) {
  auto stream = co_await net::connect(access.endpoint, access.connect_limit);
  co_return co_await open_on(std::move(access), std::move(stream), std::move(owner), std::move(own_password));
}

Task<Result<void>> SessionImpl::establish(std::string owner, SecretText own_password) {
  Turn turn(*this);
  const bool own = wire_->access().method == LoginMethod::own_password;
  wire_->expect_bye(true);  // a server over its limits says so by BYE
  try {
    const auto greeted = co_await greet();
    if (greeted.has_error()) co_return greeted.error();
    const auto secured = co_await start_tls();
    if (secured.has_error()) co_return secured.error();
    if (!capabilities_fresh_) co_await ask_capabilities();
    capabilities_fresh_ = false;
    const auto reply = co_await log_in(owner, std::move(own_password));
    if (reply.has_error()) co_return reply.error();
    if (!reply->ok()) co_return login_failure(*reply, owner, own);
    if (!capabilities_fresh_) co_await ask_capabilities();
  } catch (const Failed& failed) {
    const auto code = failed.failure().code();
    if ((code != "MRD-IMAP-002" && code != "MRD-IMAP-019") || !wire_->bye()) throw;
    Reply bye = *wire_->bye();
    bye.store = wire_->access().store;
    const Failure by_code = login_failure(bye, owner, own);
    // A plain BYE says nothing about the password.
    if (by_code.code() != "MRD-IMAP-010" && by_code.code() != "MRD-IMAP-011" &&
        by_code.code() != "MRD-IMAP-037")
      co_return by_code;
    co_return failed.failure();
  }
  wire_->expect_bye(false);
  co_await enable();
  turn.done();
  co_return Result<void>();
}

Task<Result<void>> SessionImpl::greet() {
  ResponseEvent event;
  try {
    event = co_await net::with_timeout(wire_->next_event(), wire_->access().connect_limit, "greeting");
  } catch (const Failed& failed) {
    if (failed.failure().code() != "MRD-NET-002") throw;
    co_return Failure("MRD-IMAP-009", wire_->access().store);
  }
  const auto* response = std::get_if<Response>(&event);
  if (response != nullptr && response->kind == Response::Kind::untagged) {
    if (response->name == "OK") co_return Result<void>();
    if (response->name == "BYE") throw Failed(failure_of_bye(response->reply, wire_->access().store));
    // Logged in as nobody we know: acting for an owner is impossible, and before STARTTLS it is an attack.
    if (response->name == "PREAUTH") co_return Failure("MRD-IMAP-008", wire_->access().store + ": PREAUTH");
  }
  co_return Failure("MRD-IMAP-001", wire_->access().store + ": no greeting");
}

Task<Result<void>> SessionImpl::start_tls() {
  if (wire_->access().endpoint.tls != net::TlsMode::starttls) co_return Result<void>();
  const Reply reply = co_await wire_->run(command("STARTTLS"));
  if (!reply.ok()) co_return Failure("MRD-NET-006", wire_->access().store + ": STARTTLS: " + reply.text);
  co_await wire_->start_tls();
  capabilities_ = Capabilities();
  capabilities_fresh_ = false;
  co_return Result<void>();
}

Task<void> SessionImpl::ask_capabilities() {
  const Reply reply = co_await wire_->run(command("CAPABILITY"));
  if (!capabilities_fresh_)
    throw_failed("MRD-IMAP-006", wire_->access().store + ": CAPABILITY: " + reply.text);
}

Task<Result<Reply>> SessionImpl::log_in(std::string owner, SecretText own_password) {
  const Access& access = wire_->access();
  const std::string login = access.login;
  switch (access.method) {
    case LoginMethod::plain_authzid: {
      // Acting for oneself needs no authorization identity, and some servers refuse one.
      std::string message = owner == login ? std::string() : owner;
      message.append(1, '\0').append(login).append(1, '\0').append(access.password.reveal());
      co_return co_await authenticate(Cap::auth_plain, std::move(message));
    }
    case LoginMethod::master_user:
      co_return co_await log_in_as(owner + access.master_separator + login, access.password);
    case LoginMethod::own_password:
      co_return co_await log_in_as(owner, std::move(own_password));
    case LoginMethod::external:
      co_return co_await authenticate(Cap::auth_external, owner);
    case LoginMethod::scram_sha_256:
      co_return co_await authenticate_scram(owner);
  }
  co_return Failure("MRD-IMAP-008", access.store);
}

Task<Result<Reply>> SessionImpl::log_in_as(std::string user, SecretText password) {
  if (has(Cap::auth_plain)) {
    std::string message(1, '\0');
    message.append(user).append(1, '\0').append(password.reveal());
    co_return co_await authenticate(Cap::auth_plain, std::move(message));
  }
  if (offers(Cap::login_disabled))
    co_return Failure("MRD-IMAP-008", wire_->access().store + ": LOGINDISABLED");
  co_return co_await wire_->run(command("LOGIN").string(user).string(password.reveal()));
}

Task<Result<Reply>> SessionImpl::authenticate(Cap mechanism, std::string initial) {
  const std::string_view offered = to_text(mechanism);
  if (!has(mechanism))
    co_return Failure("MRD-IMAP-008", wire_->access().store + ": no " + std::string(offered));
  const std::string name(offered.substr(5));  // behind "AUTH="
  std::string coded = encode_base64(initial);
  if (has(Cap::sasl_ir))
    co_return co_await wire_->run(command("AUTHENTICATE").text(name).text(coded.empty() ? "=" : coded));
  std::string tag = co_await wire_->send(command("AUTHENTICATE").text(name));
  const bool granted = co_await wire_->go_ahead(tag);
  if (granted) co_await wire_->put(coded + "\r\n");
  co_return co_await wire_->reply(std::move(tag));
}

Task<Result<Reply>> SessionImpl::authenticate_scram(std::string owner) {
  const Access& access = wire_->access();
  if (!has(Cap::auth_scram_sha_256))
    co_return Failure("MRD-IMAP-008", access.store + ": no AUTH=SCRAM-SHA-256");
  const std::string authzid = owner == access.login ? std::string() : owner;
  ScramClient scram(access.login, access.password, authzid, encode_base64(base::random_octets(18)));
  Command first = command("AUTHENTICATE").text("SCRAM-SHA-256");
  const bool at_once = has(Cap::sasl_ir);
  if (at_once) first.text(encode_base64(scram.first()));
  std::string tag = co_await wire_->send(std::move(first));
  bool granted = co_await wire_->go_ahead(tag);
  if (granted && !at_once) {
    co_await wire_->put(encode_base64(scram.first()) + "\r\n");
    granted = co_await wire_->go_ahead(tag);
  }
  if (!granted) co_return refused_or_unproven(co_await wire_->reply(std::move(tag)));
  const auto answer = scram.answer(decode_base64(wire_->challenge()).value_or(""));
  if (answer.has_error()) co_return answer.error();
  co_await wire_->put(encode_base64(*answer) + "\r\n");
  granted = co_await wire_->go_ahead(tag);
  if (!granted) co_return refused_or_unproven(co_await wire_->reply(std::move(tag)));
  if (!scram.verify(decode_base64(wire_->challenge()).value_or("")))
    co_return Failure("MRD-IMAP-001", access.store + ": the server's SCRAM proof is wrong");
  co_await wire_->put("\r\n");
  co_return co_await wire_->reply(std::move(tag));
}

// Sent, not waited for: the answer rides with the next command's, which saves a round trip in every session.
Task<void> SessionImpl::enable() {
  if (!has(Cap::enable)) co_return;
  const bool qresync = offers(Cap::qresync) && !wire_->access().hidden.contains(Cap::qresync);
  const bool condstore = offers(Cap::condstore) && !wire_->access().hidden.contains(Cap::condstore);
  if (!qresync && !condstore) co_return;
  enable_tag_ = co_await wire_->send(command("ENABLE").text(qresync ? "QRESYNC" : "CONDSTORE"));
  enabling_.insert(qresync ? Cap::qresync : Cap::condstore);
}

}  // namespace mirror::imap
