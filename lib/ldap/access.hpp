// SPDX-License-Identifier: Apache-2.0
#pragma once

// How to reach a directory and as whom. Filled from a store's row; no I/O.

#include <chrono>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "net/stream.hpp"

namespace mirror::ldap {

enum class Bind { anonymous, simple, external };

struct Access {
  std::string store;                     // name, for messages and logs
  std::string purpose;                   // tells connections apart where steps are counted (base/fault.hpp)
  std::vector<net::Endpoint> endpoints;  // tried in turn; the first that answers is used
  Bind bind = Bind::simple;
  std::string dn;
  base::SecretText password;
  bool password_without_tls = false;  // only where a test asks for it by name
  std::chrono::milliseconds connect_limit{15000};
  std::chrono::milliseconds silence_limit{60000};  // of the server while an answer is due
  std::size_t largest_message = 32U << 20U;        // octets
};

}  // namespace mirror::ldap
