// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <time.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstring>

#include "net/tls_detail.hpp"

namespace mirror::net::detail {
namespace {

using base::Failed;
using base::Failure;

// A peer may ask for key updates without end while we have nothing to write.
constexpr std::size_t k_most_unasked_output = std::size_t{64} << 10;

// A memory BIO whose buffers are ours: they go back to the allocator when a connection is idle.
struct Buffers {
  std::string in;
  std::size_t in_at = 0;
  std::string out;
};

Buffers& buffers_of(BIO* bio) {
  return *static_cast<Buffers*>(BIO_get_data(bio));
}

int bio_read(BIO* bio, char* into, std::size_t size, std::size_t* done) {
  auto& buffers = buffers_of(bio);
  BIO_clear_retry_flags(bio);
  *done = std::min(size, buffers.in.size() - buffers.in_at);
  if (*done == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(into, buffers.in.data() + buffers.in_at, *done);
  buffers.in_at += *done;
  if (buffers.in_at == buffers.in.size()) {
    buffers.in.clear();
    buffers.in_at = 0;
  }
  return 1;
}

int bio_write(BIO* bio, const char* from, std::size_t size, std::size_t* done) {
  BIO_clear_retry_flags(bio);
  buffers_of(bio).out.append(from, size);
  *done = size;
  return 1;
}

long bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* bio_method() {
  static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> method = [] {
    std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> made(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "octets"), &BIO_meth_free);
    BIO_meth_set_read_ex(made.get(), &bio_read);
    BIO_meth_set_write_ex(made.get(), &bio_write);
    BIO_meth_set_ctrl(made.get(), &bio_control);
    return made;
  }();
  return method.get();
}

bool is_address(const std::string& host) {
  boost::system::error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

}  // namespace

struct TlsEngine::State {
  Buffers buffers;
  std::shared_ptr<SSL_CTX> context;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, &SSL_free};
  std::string name;  // what the certificate must be for
  bool pinned = false;
  Side side;
  bool failed = false;

  // A session whose connection ended without close_notify would count as bad: a closed TCP connection is an
  // ordinary end here, a failed one is not.
  ~State() {
    if (ssl && !failed && SSL_is_init_finished(ssl.get()) == 1)
      SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }

  [[noreturn]] void refuse(int result) {
    failed = true;
    const long verdict = SSL_get_verify_result(ssl.get());
    if (verdict != X509_V_OK && SSL_get_verify_mode(ssl.get()) != SSL_VERIFY_NONE) {
      const std::string why = pinned ? "it is not the pinned one" : X509_verify_cert_error_string(verdict);
      const auto words =
          side.refused.empty() ? why : fmt::format("{}; the server shows {}", why, side.refused);
      throw Failed(Failure("MRD-NET-005", fmt::format("{}: {}", name, words)));
    }
    throw Failed(Failure("MRD-NET-006", fmt::format("{}: {} ({})", name, openssl_words(), result)));
  }
};

TlsEngine::TlsEngine(const Endpoint& endpoint) : state_(std::make_unique<State>()) {
  const auto& settings = endpoint.tls_settings;
  state_->name = settings.server_name.empty() ? endpoint.host : settings.server_name;
  state_->pinned = !settings.pin_sha256.empty();
  state_->context = context_for(settings);
  state_->ssl.reset(SSL_new(state_->context.get()));
  SSL* const ssl = state_->ssl.get();
  BIO* const bio = BIO_new(bio_method());
  if (ssl == nullptr || bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, &state_->buffers);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_connect_state(ssl);
  state_->side.peer = fmt::format("{}:{}/{}", endpoint.host, endpoint.port, state_->name);
  SSL_set_app_data(ssl, &state_->side);
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl);
  if (is_address(state_->name)) {
    X509_VERIFY_PARAM_set1_ip_asc(wanted, state_->name.c_str());
  } else {
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(wanted, state_->name.data(), state_->name.size());
    SSL_set_tlsext_host_name(ssl, state_->name.c_str());
  }
  offer_session(ssl, state_->side.peer);
}

TlsEngine::~TlsEngine() = default;

void TlsEngine::feed(std::string_view ciphertext) {
  state_->buffers.in.append(ciphertext);
}

bool TlsEngine::has_output() const noexcept {
  return !state_->buffers.out.empty();
}

std::string TlsEngine::take_output() {
  return std::exchange(state_->buffers.out, {});
}

void TlsEngine::release() {
  auto& buffers = state_->buffers;
  if (buffers.in.empty()) buffers.in.shrink_to_fit();
}

bool TlsEngine::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(state_->ssl.get());
  if (result == 1) return true;
  const int reason = SSL_get_error(state_->ssl.get(), result);
  if (reason == SSL_ERROR_WANT_READ) return false;
  state_->refuse(reason);
}

std::optional<std::size_t> TlsEngine::read(std::span<char> into) {
  ERR_clear_error();
  std::size_t done = 0;
  const int result = SSL_read_ex(state_->ssl.get(), into.data(), into.size(), &done);
  if (result == 1) return done;
  if (state_->buffers.out.size() > k_most_unasked_output)
    throw Failed(Failure("MRD-NET-006", state_->name + ": asks for key updates without end"));
  const int reason = SSL_get_error(state_->ssl.get(), result);
  if (reason == SSL_ERROR_WANT_READ) return std::nullopt;
  if (reason == SSL_ERROR_ZERO_RETURN) return 0;
  state_->refuse(reason);
}

void TlsEngine::write(std::string_view plain) {
  if (plain.empty()) return;
  ERR_clear_error();
  std::size_t done = 0;
  // Our BIO takes everything, so this is all or an error.
  const int result = SSL_write_ex(state_->ssl.get(), plain.data(), plain.size(), &done);
  if (result != 1 || done != plain.size()) state_->refuse(SSL_get_error(state_->ssl.get(), result));
}

void TlsEngine::describe(PeerInfo& peer) const {
  const SSL* const ssl = state_->ssl.get();
  peer.protocol = SSL_get_version(ssl);
  peer.cipher = SSL_get_cipher_name(ssl);
  peer.resumed = SSL_session_reused(ssl) == 1;
  const X509* const leaf = SSL_get0_peer_certificate(ssl);
  if (leaf == nullptr) return;
  peer.subject = subject_of(leaf);
  peer.fingerprint_sha256 = fingerprint_of(leaf);
  tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &end) == 1) peer.not_after_unix = ::timegm(&end);
}

}  // namespace mirror::net::detail
