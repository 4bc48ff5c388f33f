// SPDX-License-Identifier: Apache-2.0
#include "base/scram_crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <stdexcept>

namespace mirror::base {
namespace {

const unsigned char* octets_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* octets_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

constexpr std::size_t k_sha256_size = 32;

}  // namespace

std::string hmac_sha256(std::string_view key, std::string_view octets) {
  std::string out(k_sha256_size, '\0');
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), octets_of(octets), octets.size(),
           octets_of(out), &size) == nullptr)
    throw std::runtime_error("HMAC-SHA-256 failed");
  return out;
}

std::string pbkdf2_sha256(std::string_view password, std::string_view salt, unsigned iterations) {
  std::string out(k_sha256_size, '\0');
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), octets_of(salt),
                        static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
                        static_cast<int>(out.size()), octets_of(out)) != 1)
    throw std::runtime_error("PBKDF2 failed");
  return out;
}

std::string random_octets(std::size_t count) {
  std::string out(count, '\0');
  if (RAND_bytes(octets_of(out), static_cast<int>(count)) != 1) throw std::runtime_error("no random octets");
  return out;
}

bool equal_in_constant_time(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace mirror::base
