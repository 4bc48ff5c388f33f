// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ctime>

#include "mirror/store_test_detail.hpp"
#include "net/timeout.hpp"

namespace mirror::engine {

namespace {

constexpr std::size_t k_longest_line = std::size_t{16} << 10;
constexpr std::size_t k_most_lines = 200;
constexpr std::int64_t k_expiry_warning_days = 14;

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

// What a server says is shown to a person: no control characters, not too much of it.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, 200));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }, '?');
  return out;
}

Task<Said> settings_step(Testing& t) {
  if (t.store->broken) co_return failed(*t.store->broken);
  const auto& record = t.store->record;
  co_return ok(fmt::format("profile {}, login method {}, {}:{} tls {}", record.profile, record.login_method,
                           record.host, record.port, record.tls));
}

Task<Said> dns_step(Testing& t) {
  const auto& access = t.store->access;
  const auto found = co_await net::resolve_host(access.endpoint, access.connect_limit);
  co_return ok(fmt::format("{}", fmt::join(found, ", ")));
}

Task<Said> tcp_step(Testing& t) {
  auto endpoint = t.store->access.endpoint;
  endpoint.tls = net::TlsMode::none;  // the handshake is a step of its own
  auto stream = co_await net::connect(std::move(endpoint), t.store->access.connect_limit);
  const std::string address = stream->peer().address;
  t.dialog = std::make_unique<Dialog>(std::move(stream));
  co_return ok(address);
}

Said judge_certificate(const Testing& t, const net::PeerInfo& peer) {
  const auto& tls = t.store->access.endpoint.tls_settings;
  const std::int64_t days = (peer.not_after_unix - static_cast<std::int64_t>(std::time(nullptr))) / 86400;
  const char* by = !tls.pin_sha256.empty()                     ? "pinned"
                   : !tls.verify                               ? "NOT verified"
                   : tls.ca_pem.empty() && tls.ca_file.empty() ? "chain verified by the system's CAs"
                                                               : "chain verified by the store's CA";
  std::string detail = fmt::format("{} {}, {}, {}, valid for {} days, sha256 {}", peer.protocol, peer.cipher,
                                   shown(peer.subject), by, days, peer.fingerprint_sha256);
  if (!tls.verify && tls.pin_sha256.empty())
    return warning(
        std::move(detail),
        "Anybody between could read along: set tls_verify, or pin the certificate with pin_sha256.");
  if (days < k_expiry_warning_days)
    return warning(std::move(detail), "Renew the server's certificate; mirroring stops when it expires.");
  return ok(std::move(detail));
}

Task<Said> tls_step(Testing& t) {
  const auto& endpoint = t.store->access.endpoint;
  if (endpoint.tls == net::TlsMode::none)
    co_return warning("not protected",
                      "Passwords and messages pass in the clear: set tls to implicit or starttls.");
  if (endpoint.tls == net::TlsMode::starttls) {
    std::vector<std::string> untagged;
    const auto answer = co_await t.dialog->ask("STARTTLS", t.store->access.connect_limit, untagged);
    if (!answer.starts_with("OK")) co_return failed(Failure("MRD-NET-006", "STARTTLS: " + shown(answer)));
  }
  co_await net::with_timeout(t.dialog->stream().start_tls(endpoint), t.store->access.connect_limit, "TLS");
  co_return judge_certificate(t, t.dialog->stream().peer());
}

Task<Said> greeting_step(Testing& t) {
  std::string line;
  try {
    line = co_await t.dialog->line(t.store->access.connect_limit);
  } catch (const base::Failed& lost) {
    if (lost.failure().code() != "MRD-NET-002") throw;
    co_return failed(Failure("MRD-IMAP-009", t.store->record.name));
  }
  if (line.starts_with("* BYE")) co_return failed(Failure("MRD-IMAP-002", shown(line)));
  if (!line.starts_with("* OK")) co_return failed(Failure("MRD-IMAP-001", shown(line)));
  co_return ok(shown(line));
}

bool can_log_in(const imap::Capabilities& caps, imap::LoginMethod method) {
  using imap::Cap;
  if (method == imap::LoginMethod::plain_authzid) return caps.offers(Cap::auth_plain);
  if (method == imap::LoginMethod::external) return caps.offers(Cap::auth_external);
  if (method == imap::LoginMethod::scram_sha_256) return caps.offers(Cap::auth_scram_sha_256);
  return caps.offers(Cap::auth_plain) || !caps.offers(Cap::login_disabled);
}

Task<Said> capability_step(Testing& t) {
  std::vector<std::string> untagged;
  const auto answer = co_await t.dialog->ask("CAPABILITY", t.store->access.connect_limit, untagged);
  constexpr std::string_view k_lead = "* CAPABILITY ";
  for (const auto& line : untagged)
    if (upper(line.substr(0, k_lead.size())) == k_lead)
      t.before_login = imap::Capabilities::parse(line.substr(k_lead.size()));
  t.dialog->stream().close();
  if (!t.before_login.known()) co_return failed(Failure("MRD-IMAP-006", "CAPABILITY: " + shown(answer)));
  if (!can_log_in(t.before_login, t.store->access.method))
    co_return failed(
        Failure("MRD-IMAP-008", fmt::format("{} wanted, before the login it offers {}",
                                            t.store->record.login_method, shown(t.before_login.text()))));
  co_return ok(shown(t.before_login.text()));
}

}  // namespace

Task<std::string> Dialog::line(Millis limit) {
  for (;;) {
    const auto end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      co_return line;
    }
    if (buffer_.size() > k_longest_line) throw base::Failed(Failure("MRD-IMAP-005", shown(buffer_)));
    std::array<char, 4096> piece{};
    const auto got = co_await net::with_timeout(stream_->read_some(piece), limit, "answer");
    if (got == 0) throw base::Failed(Failure("MRD-NET-003", "the server closed the connection"));
    buffer_.append(piece.data(), got);
  }
}

Task<std::string> Dialog::ask(std::string words, Millis limit, std::vector<std::string>& untagged) {
  const std::string tag = fmt::format("t{} ", ++tag_);
  co_await stream_->write(tag + words + "\r\n");
  for (std::size_t lines = 0; lines < k_most_lines; ++lines) {
    std::string line = co_await this->line(limit);
    if (line.starts_with(tag)) co_return line.substr(tag.size());
    untagged.push_back(std::move(line));
  }
  throw base::Failed(Failure("MRD-IMAP-005", words));
}

Task<void> probe_steps(Testing& t) {
  const bool late = t.store->access.endpoint.tls == net::TlsMode::starttls;
  co_await step(t, "settings", settings_step);
  co_await step(t, "dns", dns_step);
  co_await step(t, "tcp", tcp_step);
  if (!late) co_await step(t, "tls", tls_step);
  co_await step(t, "greeting", greeting_step);
  if (late) co_await step(t, "tls", tls_step);
  co_await step(t, "capabilities", capability_step);
  t.dialog.reset();
}

}  // namespace mirror::engine
