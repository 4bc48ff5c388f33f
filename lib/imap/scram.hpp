// SPDX-License-Identifier: Apache-2.0
#pragma once

// The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding. Pure: messages in and
// out, the nonce is given.

#include <string>
#include <string_view>

#include "base/failure.hpp"
#include "base/secret.hpp"

namespace mirror::imap {

class ScramClient {
 public:
  // authzid: whom to act for; empty: as user.
  ScramClient(std::string user, base::SecretText password, std::string authzid, std::string nonce);

  std::string first() const;
  // The answer to the server's first message; a Failure when it is not one (or asks for absurd work).
  base::Result<std::string> answer(std::string_view server_first);
  // Whether the server proved that it knows the password too.
  bool verify(std::string_view server_final) const;

 private:
  std::string header_;  // gs2: "n,a=owner,"
  std::string bare_;    // client-first-message-bare
  std::string nonce_;
  base::SecretText password_;
  std::string server_signature_;
};

}  // namespace mirror::imap
