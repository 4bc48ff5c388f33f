// SPDX-License-Identifier: Apache-2.0
#pragma once

// TLS as a codec: ciphertext in and out as octets, no socket. OpenSSL types stay behind this header.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/stream.hpp"

struct ssl_ctx_st;
struct ssl_st;
struct x509_st;

namespace mirror::net::detail {

// The context for these settings; shared by all connections with equal settings and unchanged files, because
// a context with the system's CAs costs milliseconds and a megabyte. Throws Failed MRD-NET-005 (CA) or 006
// (client certificate). pin_sha256 must be 64 hex digits, else 005.
std::shared_ptr<ssl_ctx_st> context_for(const TlsSettings& settings);

// What a connection's callbacks need of it; the SSL's application data.
struct Side {
  std::string refused;  // the certificate that was refused, in words
  std::string peer;     // whom a session may be resumed with: host, port and name
};
// Offers the server a session of an earlier connection to the same peer under the same settings, so that the
// handshake needs no certificate. A ticket of TLS 1.3 is used once (RFC 8446, appendix C.4).
void offer_session(ssl_st* ssl, const std::string& peer);

// The newest words of OpenSSL's error queue; empties it.
std::string openssl_words();
std::string subject_of(const x509_st* certificate);
std::string fingerprint_of(const x509_st* certificate);  // hex SHA-256 of the DER form

class TlsEngine {
 public:
  explicit TlsEngine(const Endpoint& endpoint);
  ~TlsEngine();
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  void feed(std::string_view ciphertext);
  bool has_output() const noexcept;
  std::string take_output();  // ciphertext to send
  void release();             // frees what an idle connection does not need

  // True when done; false: send the output, feed more. Throws Failed MRD-NET-005 or 006; an alert may be in
  // the output then.
  bool handshake();
  // Plain octets, 0 after close_notify, nullopt: feed more. Throws Failed MRD-NET-006.
  std::optional<std::size_t> read(std::span<char> into);
  void write(std::string_view plain);
  void describe(PeerInfo& peer) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mirror::net::detail
