// SPDX-License-Identifier: Apache-2.0
#pragma once

// One byte stream to a server, over TCP or TLS, behind one interface so that templates of Asio and OpenSSL
// stay in few sources. TLS is OpenSSL over memory BIOs with released buffers: an idle connection costs tens
// of KiB. All calls on the loop thread; at most one read and one write outstanding. A lost peer throws Failed
// with MRD-NET-00x (scope store, retry later). Cancellation throws operation_aborted: a cancelled read has
// taken nothing and the stream stays usable; after a cancelled write, handshake or connect it does not.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "net/task.hpp"

namespace mirror::net {

enum class TlsMode { none, implicit, starttls };

struct TlsSettings {
  bool verify = true;            // off only where a test asks for it by name
  std::string server_name;       // checked against the certificate and sent as SNI; empty: the host
  std::string ca_file;           // PEM; empty: the system's
  std::string ca_pem;            // PEM text, used when ca_file is empty
  std::string pin_sha256;        // hex SHA-256 of the leaf certificate (DER); when set, it alone decides
  std::string certificate_file;  // client certificate and key (PEM), optional
  std::string key_file;
};

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  TlsMode tls = TlsMode::implicit;
  TlsSettings tls_settings;
};

// What the handshake ended with, for "store test" and the metrics.
struct PeerInfo {
  std::string address;   // "127.0.0.1:993"
  std::string protocol;  // "TLSv1.3", empty without TLS
  std::string cipher;
  std::string subject;             // of the leaf
  std::string fingerprint_sha256;  // hex
  std::int64_t not_after_unix = 0;
  bool resumed = false;  // the session of an earlier connection, without a certificate on the wire
};

class Stream {
 public:
  virtual ~Stream() = default;
  // At least one octet, or 0 at the end of the stream. Never throws for a clean end.
  virtual Task<std::size_t> read_some(std::span<char> into) = 0;
  // All of it.
  virtual Task<void> write(std::string_view octets) = 0;
  // Upgrades a plain stream in place (after STARTTLS was answered OK). Nothing may be buffered unread.
  virtual Task<void> start_tls(const Endpoint& endpoint) = 0;
  virtual void close() noexcept = 0;  // at once, no farewell; outstanding operations end
  virtual const PeerInfo& peer() const noexcept = 0;
  virtual std::uint64_t octets_in() const noexcept = 0;  // plain octets read and written
  virtual std::uint64_t octets_out() const noexcept = 0;
};

// Resolves, connects (every address in turn, TCP_NODELAY, keepalive), and for TlsMode::implicit shakes hands.
// Codes: MRD-NET-001 unreachable, 002 time-out, 003 lost, 004 name, 005 certificate refused, 006 TLS failed.
Task<std::unique_ptr<Stream>> connect(Endpoint endpoint, std::chrono::milliseconds limit);

// The addresses of an endpoint as texts, without connecting. Throws Failed MRD-NET-004 or 002.
Task<std::vector<std::string>> resolve_host(Endpoint endpoint, std::chrono::milliseconds limit);

// A connected pair in memory, for tests: what one end writes the other reads. Unbounded, so a write never
// waits for the reader; start_tls() only sets peer().protocol to "pipe".
std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_pipe(asio::any_io_executor executor);

}  // namespace mirror::net
