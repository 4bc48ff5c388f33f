// SPDX-License-Identifier: Apache-2.0
#pragma once

// SHA-256 over a stream (OpenSSL EVP).

#include <memory>
#include <span>
#include <string_view>

#include "base/message_facts.hpp"

namespace mirror::base {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view octets);
  Digest finish();  // once; afterwards the object is fresh again

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256(std::string_view octets);

}  // namespace mirror::base
