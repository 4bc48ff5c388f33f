// SPDX-License-Identifier: Apache-2.0
#pragma once

// A server for one connection on loopback, blocking, on a thread of its own: plain OpenSSL and sockets, so
// that nothing of what is tested tests itself.

#include <openssl/ssl.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "certificates.hpp"

namespace mirror::test {

// The server's side of the connection; every call blocks. Ends with the peer.
class Wire {
 public:
  explicit Wire(int socket) : socket_(socket) {}
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  std::string read();                     // "" at the end or on error
  std::string read_exactly(std::size_t);  // less only at the end
  bool write(std::string_view octets);
  void shutdown_write();  // half-close (TCP)
  void reset();           // RST
  void close();

  // False when the handshake failed. client_ca: demand a client certificate from it.
  bool accept_tls(const Identity& identity, const std::string& client_ca = {}, int highest_version = 0);
  void close_notify();
  std::string client_subject() const;
  std::string server_name() const;  // SNI as the client sent it

 private:
  int socket_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
};

class Peer {
 public:
  // serve runs on the thread, for one client after the other.
  explicit Peer(std::function<void(Wire&)> serve, int clients = 1);
  ~Peer();  // waits for serve
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  std::uint16_t port() const noexcept { return port_; }

 private:
  std::uint16_t port_ = 0;  // before listener_, whose making sets it
  int listener_;
  std::thread thread_;
};

// A port of loopback on which nobody listens.
std::uint16_t free_port();

}  // namespace mirror::test
