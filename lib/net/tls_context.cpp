// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>

#include "base/message_facts.hpp"
#include "net/tls_detail.hpp"

namespace mirror::net::detail {
namespace {

using base::Failed;
using base::Failure;

[[noreturn]] void refuse(std::string_view code, std::string_view what) {
  throw Failed(Failure(code, fmt::format("{}: {}", what, openssl_words())));
}

// Names a file's content cheaply, so that a renewed certificate is noticed.
std::string stamp(const std::string& path) {
  struct stat facts{};
  if (path.empty() || ::stat(path.c_str(), &facts) != 0) return path;
  return fmt::format("{}@{}.{}.{}.{}", path, facts.st_ino, facts.st_size, facts.st_mtim.tv_sec,
                     facts.st_mtim.tv_nsec);
}

void add_pem(SSL_CTX* context, const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  std::size_t count = 0;
  while (X509* const one = PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one);
    X509_free(one);
    ++count;
  }
  if (count == 0) refuse("MRD-NET-005", "the CA given holds no certificate");
  ERR_clear_error();  // the end of the text reads as an error
}

void trust(SSL_CTX* context, const TlsSettings& settings) {
  if (settings.ca_file.empty() && settings.ca_pem.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) refuse("MRD-NET-005", "the system's certificates");
    return;
  }
  if (settings.ca_file.empty())
    add_pem(context, settings.ca_pem);
  else if (SSL_CTX_load_verify_file(context, settings.ca_file.c_str()) != 1)
    refuse("MRD-NET-005", "ca_file " + settings.ca_file);
  // An explicit trust anchor may be an intermediate or the server's own certificate.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
}

// "AB:CD" and "ab cd" are spellings in use.
std::string normal_pin(const std::string& given) {
  std::string pin;
  for (const char c : given) {
    if (c == ':' || c == ' ') continue;
    pin += c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c;
  }
  if (pin.size() != 64 || pin.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw Failed(Failure("MRD-NET-005", "pin_sha256 must be the 64 hex digits of a SHA-256"));
  return pin;
}

using Session = std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)>;

struct Context {
  Context() : ssl(SSL_CTX_new(TLS_client_method())) {
    if (ssl == nullptr) refuse("MRD-NET-006", "TLS context");
  }
  ~Context() { SSL_CTX_free(ssl); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Sessions to resume, the newest last.
  void keep(const std::string& peer, SSL_SESSION* session) {
    constexpr std::size_t k_each = 8, k_peers = 256;
    const std::lock_guard lock(mutex);
    if (sessions.size() >= k_peers && !sessions.contains(peer)) sessions.clear();
    auto& of_peer = sessions[peer];
    if (of_peer.size() >= k_each) of_peer.erase(of_peer.begin());
    of_peer.emplace_back(session, &SSL_SESSION_free);
  }
  Session take(const std::string& peer) {
    const std::lock_guard lock(mutex);
    const auto found = sessions.find(peer);
    if (found == sessions.end() || found->second.empty()) return {nullptr, &SSL_SESSION_free};
    Session& newest = found->second.back();
    Session taken(nullptr, &SSL_SESSION_free);
    if (SSL_SESSION_get_protocol_version(newest.get()) >= TLS1_3_VERSION) {
      taken = std::move(newest);
      found->second.pop_back();
    } else {
      SSL_SESSION_up_ref(newest.get());
      taken.reset(newest.get());
    }
    return taken;
  }

  SSL_CTX* ssl;
  std::string pin;

 private:
  std::mutex mutex;
  std::map<std::string, std::vector<Session>> sessions;
};

int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* const context = static_cast<Context*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const auto* const side = static_cast<const Side*>(SSL_get_app_data(ssl));
  if (context == nullptr || side == nullptr || SSL_SESSION_is_resumable(session) != 1) return 0;
  context->keep(side->peer, session);
  return 1;  // ours now
}

// The pin alone decides: no chain, no name, no date. Whatever is refused is noted with the connection,
// because a failed handshake forgets the certificate and an administrator needs its fingerprint.
int check_peer(X509_STORE_CTX* store, void* argument) {
  const auto& context = *static_cast<const Context*>(argument);
  X509* const leaf = X509_STORE_CTX_get0_cert(store);
  bool good = false;
  if (context.pin.empty()) {
    good = X509_verify_cert(store) == 1;
  } else {
    good = leaf != nullptr && fingerprint_of(leaf) == context.pin;
    X509_STORE_CTX_set_error(store, good ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
  }
  auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (!good && leaf != nullptr && ssl != nullptr)
    static_cast<Side*>(SSL_get_app_data(ssl))->refused =
        subject_of(leaf) + " with SHA-256 " + fingerprint_of(leaf);
  return good ? 1 : 0;
}

std::shared_ptr<Context> make_context(const TlsSettings& settings) {
  auto out = std::make_shared<Context>();
  SSL_CTX_set_min_proto_version(out->ssl, TLS1_2_VERSION);
  SSL_CTX_set_mode(out->ssl, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(out->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(out->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(out->ssl, &keep_session);
  SSL_CTX_set_app_data(out->ssl, out.get());
  SSL_CTX_set_cert_verify_callback(out->ssl, &check_peer, out.get());
  if (!settings.pin_sha256.empty()) {
    out->pin = normal_pin(settings.pin_sha256);
    SSL_CTX_set_verify(out->ssl, SSL_VERIFY_PEER, nullptr);
  } else if (settings.verify) {
    SSL_CTX_set_verify(out->ssl, SSL_VERIFY_PEER, nullptr);
    trust(out->ssl, settings);
  } else {
    SSL_CTX_set_verify(out->ssl, SSL_VERIFY_NONE, nullptr);
  }
  if (!settings.certificate_file.empty()) {
    const auto& key = settings.key_file.empty() ? settings.certificate_file : settings.key_file;
    if (SSL_CTX_use_certificate_chain_file(out->ssl, settings.certificate_file.c_str()) != 1)
      refuse("MRD-NET-006", "client certificate " + settings.certificate_file);
    if (SSL_CTX_use_PrivateKey_file(out->ssl, key.c_str(), SSL_FILETYPE_PEM) != 1)
      refuse("MRD-NET-006", "client key " + key);
  }
  return out;
}

}  // namespace

void offer_session(ssl_st* ssl, const std::string& peer) {
  auto* const context = static_cast<Context*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (const auto session = context->take(peer)) SSL_set_session(ssl, session.get());
}

std::string openssl_words() {
  std::string words;
  while (const auto error = ERR_get_error()) {
    const char* const reason = ERR_reason_error_string(error);
    if (reason != nullptr) words = reason;
  }
  return words.empty() ? "no reason given" : words;
}

std::string subject_of(const X509* certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), &BIO_free);
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string{};
}

std::string fingerprint_of(const X509* certificate) {
  base::Digest digest{};
  unsigned length = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &length) != 1) return {};
  return base::to_hex(digest);
}

std::shared_ptr<ssl_ctx_st> context_for(const TlsSettings& settings) {
  // server_name belongs to the connection, not to the context.
  using Key = std::array<std::string, 6>;
  static std::mutex mutex;
  static std::map<Key, std::shared_ptr<Context>> contexts;
  constexpr std::size_t k_most = 64;

  Key key{settings.verify ? "verify" : "",  stamp(settings.ca_file), settings.ca_pem, settings.pin_sha256,
          stamp(settings.certificate_file), stamp(settings.key_file)};
  const std::lock_guard lock(mutex);
  auto at = contexts.find(key);
  if (at == contexts.end()) {
    auto fresh = make_context(settings);
    if (contexts.size() >= k_most) contexts.clear();  // connections hold their own
    at = contexts.emplace(std::move(key), std::move(fresh)).first;
  }
  return {at->second, at->second->ssl};
}

}  // namespace mirror::net::detail
