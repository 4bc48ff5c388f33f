// SPDX-License-Identifier: Apache-2.0
#include "peer.hpp"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace mirror::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(port);
  return at;
}

int listen_anywhere(std::uint16_t& port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto at = loopback(0);
  socklen_t size = sizeof at;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(listener, 8) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size) != 0)
    throw std::runtime_error("cannot listen");
  port = ntohs(at.sin_port);
  return listener;
}

X509* read_certificate(const std::string& pem) {
  BIO* const text = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* const out = PEM_read_bio_X509(text, nullptr, nullptr, nullptr);
  BIO_free(text);
  return out;
}

EVP_PKEY* read_key(const std::string& pem) {
  BIO* const text = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* const out = PEM_read_bio_PrivateKey(text, nullptr, nullptr, nullptr);
  BIO_free(text);
  return out;
}

}  // namespace

Wire::~Wire() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  close();
}

std::string Wire::read() {
  std::array<char, 16384> octets;
  const long got = ssl_ != nullptr ? SSL_read(ssl_, octets.data(), static_cast<int>(octets.size()))
                                   : ::recv(socket_, octets.data(), octets.size(), 0);
  return got > 0 ? std::string(octets.data(), static_cast<std::size_t>(got)) : std::string{};
}

std::string Wire::read_exactly(std::size_t size) {
  std::string out;
  while (out.size() < size) {
    const auto part = read();
    if (part.empty()) break;
    out += part;
  }
  return out;
}

bool Wire::write(std::string_view octets) {
  while (!octets.empty()) {
    const long done = ssl_ != nullptr ? SSL_write(ssl_, octets.data(), static_cast<int>(octets.size()))
                                      : ::send(socket_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (done <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

void Wire::shutdown_write() {
  ::shutdown(socket_, SHUT_WR);
}

void Wire::reset() {
  const linger at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Wire::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

bool Wire::accept_tls(const Identity& identity, const std::string& client_ca, int highest_version) {
  context_ = SSL_CTX_new(TLS_server_method());
  // One ticket key for all of a test's connections, as a server has for all of its own.
  static std::array<unsigned char, 80> ticket_keys{1, 2, 3};
  SSL_CTX_set_tlsext_ticket_keys(context_, ticket_keys.data(), static_cast<long>(ticket_keys.size()));
  SSL_CTX_set_session_id_context(context_, ticket_keys.data(), 4);
  if (highest_version != 0) {
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_max_proto_version(context_, highest_version);
    SSL_CTX_set_min_proto_version(context_, highest_version);
  }
  X509* const certificate = read_certificate(identity.certificate_pem);
  EVP_PKEY* const key = read_key(identity.key_pem);
  SSL_CTX_use_certificate(context_, certificate);
  SSL_CTX_use_PrivateKey(context_, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  if (!client_ca.empty()) {
    X509* const ca = read_certificate(client_ca);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), ca);
    X509_free(ca);
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  ssl_ = SSL_new(context_);
  SSL_set_fd(ssl_, socket_);
  return SSL_accept(ssl_) == 1;
}

void Wire::close_notify() {
  SSL_shutdown(ssl_);
}

std::string Wire::client_subject() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return {};
  std::array<char, 256> text{};
  X509_NAME_oneline(X509_get_subject_name(certificate), text.data(), static_cast<int>(text.size()));
  return text.data();
}

std::string Wire::server_name() const {
  const char* const name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

Peer::Peer(std::function<void(Wire&)> serve, int clients) : listener_(listen_anywhere(port_)) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL's socket BIO writes without MSG_NOSIGNAL
  thread_ = std::thread([listener = listener_, serve = std::move(serve), clients] {
    for (int client = 0; client < clients; ++client) {
      const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      Wire wire(socket);
      serve(wire);
    }
  });
}

Peer::~Peer() {
  ::shutdown(listener_, SHUT_RDWR);  // ends an accept that nobody came for
  thread_.join();
  ::close(listener_);
}

std::uint16_t free_port() {
  std::uint16_t port = 0;
  ::close(listen_anywhere(port));
  return port;
}

}  // namespace mirror::test
