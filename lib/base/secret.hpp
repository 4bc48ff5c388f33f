// SPDX-License-Identifier: Apache-2.0
#pragma once

// Secrets at rest and in memory (libsodium), and hashes that give none away. A SecretText wipes itself and
// has no stream or fmt output; a Sealer seals with XChaCha20-Poly1305 under the key that the daemon gets as a
// credential.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"

namespace mirror::base {

class SecretText {
 public:
  SecretText() = default;
  explicit SecretText(std::string text);
  SecretText(const SecretText&) = default;
  SecretText(SecretText&& other) noexcept;
  SecretText& operator=(const SecretText& other);
  SecretText& operator=(SecretText&& other) noexcept;
  ~SecretText();

  std::string_view reveal() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }

 private:
  std::string text_;
};

class Sealer {
 public:
  // key_file: 32 random octets, or their 64 hex digits; must not be readable by group or others (a systemd
  // credential may show a group permission: it is the ACL of the service's user).
  // MRD-BASE-003 cannot be read, 004 too open, 005 no key in it.
  static Result<Sealer> from_file(const std::string& key_file);
  static std::string generate_key();  // 64 hex digits

  // context is bound in (for instance "store/7/password"): a sealed value moved to another row does not open
  // (MRD-BASE-006).
  std::vector<std::uint8_t> seal(const SecretText& plain, std::string_view context) const;
  Result<SecretText> open(const std::vector<std::uint8_t>& sealed, std::string_view context) const;

 private:
  friend class KeyedHash;
  explicit Sealer(SecretText key) : key_(std::move(key)) {}
  SecretText key_;
};

// A hash under a key of its own for every purpose, derived from the Sealer's (SipHash-2-4 of 128 bits): says
// whether two values are equal, and without the key nothing else. Another key file, other hashes.
class KeyedHash {
 public:
  using Value = std::array<std::uint8_t, 16>;
  KeyedHash(const Sealer& sealer, std::string_view purpose);
  Value operator()(std::string_view octets) const;

 private:
  SecretText key_;
};

}  // namespace mirror::base
