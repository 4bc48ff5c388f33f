// SPDX-License-Identifier: Apache-2.0
#pragma once

// How to reach a store and act for a mailbox owner there. Filled from a store's row and its profile; no I/O.

#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "base/secret.hpp"
#include "imap/types.hpp"
#include "net/rate_limit.hpp"
#include "net/stream.hpp"

namespace mirror::imap {

// How one trusted login acts for any owner (profile, "login" table).
enum class LoginMethod {
  plain_authzid,  // AUTHENTICATE PLAIN with authorization identity = owner
  master_user,    // login name owner + separator + trusted login
  own_password,   // LOGIN as the owner with a password looked up per mailbox
  external,       // client certificate, authorization identity = owner
  scram_sha_256   // SCRAM-SHA-256 with authorization identity = owner
};

struct Access {
  std::string store;    // name, for messages and logs
  std::string purpose;  // tells connections of one store apart where steps are counted (base/fault.hpp)
  net::Endpoint endpoint;
  LoginMethod method = LoginMethod::plain_authzid;
  std::string login;  // the trusted login; unused with own_password
  base::SecretText password;
  char master_separator = '*';
  std::set<Cap> hidden;  // capabilities a profile says not to use, or a test hides
  std::chrono::milliseconds connect_limit{15000};
  std::chrono::milliseconds command_limit{60000};  // silence that ends a connection
  net::RateLimit* limit_in = nullptr;              // shared by all connections of the store; may be null
  net::RateLimit* limit_out = nullptr;
  // Sees every command's name when it is sent ("UID FETCH", "") and again with the tagged result ("UID
  // FETCH", "OK"); for metrics, traces and tests. May be empty.
  std::function<void(std::string_view command, std::string_view result)> observe;
};

}  // namespace mirror::imap
