// SPDX-License-Identifier: Apache-2.0
#pragma once

// One LDAP conversation (RFC 4511) over one stream. Any number of operations at once, each a coroutine that
// waits for its own answer; one of those who wait reads for all, so that nothing runs when nobody waits.
//
// An operation gives the server's Outcome, whatever its code. It throws Failed when there is none:
// MRD-LDAP-002 (what came is no LDAP), 004 (the server ended the conversation), MRD-NET-002 (silence), 003
// (lost). Then the connection is over for all its operations, and whether a change was made is unknown: it
// has to be looked for, never sent again blindly. An operation that is cancelled is abandoned, with the same
// doubt. All calls on the loop thread; the connection outlives its operations.

#include <memory>
#include <optional>

#include "ldap/access.hpp"
#include "ldap/codec.hpp"
#include "net/task.hpp"

namespace mirror::ldap {

using net::Task;

// Who takes the entries of a search.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Task<void> take(Entry entry) = 0;
};

class Connection {
 public:
  // Connects to the first endpoint that answers, StartTLS where it asks for that, and binds. MRD-LDAP-001:
  // the bind was refused. MRD-LDAP-005: a password would have to go over a connection without TLS; nothing
  // was sent.
  static Task<std::unique_ptr<Connection>> open(Access access);

  // Over a stream that is there; not bound yet.
  Connection(Access access, std::unique_ptr<net::Stream> stream);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Task<void> start_tls(net::Endpoint endpoint);
  Task<void> bind();

  // Entries come in the server's order; while the sink waits, no more than a bounded number is read ahead.
  // References (RFC 4511 4.5.3) are not followed: they are in the outcome's referrals.
  Task<Outcome> search(SearchRequest request, Sink& sink);
  Task<Outcome> add(std::string dn, std::vector<Attribute> attributes, std::vector<Control> controls = {});
  Task<Outcome> modify(std::string dn, std::vector<Modification> changes, std::vector<Control> controls = {});
  Task<Outcome> rename(Rename rename, std::vector<Control> controls = {});
  Task<Outcome> remove(std::string dn, std::vector<Control> controls = {});
  Control assertion(const std::string& filter);

  Task<void> farewell();  // Unbind and close; never throws what the peer does
  void close() noexcept;  // at once: whoever waits gets MRD-NET-003
  bool usable() const noexcept;
  const net::PeerInfo& peer() const noexcept;
  std::uint64_t octets_in() const noexcept;
  std::uint64_t octets_out() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The one entry of that name; nothing when the server says noSuchObject. Another outcome throws Failed
// MRD-LDAP-006 with its words.
Task<std::optional<Entry>> read_entry(Connection& connection, std::string dn,
                                      std::vector<std::string> attributes,
                                      std::string filter = "(objectClass=*)");

}  // namespace mirror::ldap
