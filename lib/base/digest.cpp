// SPDX-License-Identifier: Apache-2.0
#include "base/digest.hpp"

#include <openssl/evp.h>

#include <new>
#include <stdexcept>

namespace mirror::base {

struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) {
    if (context == nullptr) throw std::bad_alloc();
    start();
  }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void start() {
    if (EVP_DigestInit_ex(context, EVP_sha256(), nullptr) != 1)
      throw std::runtime_error("SHA-256 is not available");
  }

  EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view octets) {
  if (EVP_DigestUpdate(state_->context, octets.data(), octets.size()) != 1)
    throw std::runtime_error("SHA-256 failed");
}

Digest Sha256::finish() {
  Digest out{};
  unsigned length = 0;
  if (EVP_DigestFinal_ex(state_->context, out.data(), &length) != 1 || length != out.size())
    throw std::runtime_error("SHA-256 failed");
  state_->start();
  return out;
}

Digest sha256(std::string_view octets) {
  Sha256 hash;
  hash.update(octets);
  return hash.finish();
}

}  // namespace mirror::base
