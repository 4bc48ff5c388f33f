// SPDX-License-Identifier: Apache-2.0
#include "base/secret.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace mirror::base {
namespace {

constexpr std::size_t k_key_octets = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t k_nonce_octets = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t k_tag_octets = crypto_aead_xchacha20poly1305_ietf_ABYTES;
// First octet of every sealed value, so that a later scheme can be told apart.
constexpr std::uint8_t k_scheme = 1;

void need_sodium() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot start");
}

// The whole capacity: a short string's old characters stay in its own buffer after a move.
void wipe(std::string& text) {
  text.resize(text.capacity());
  sodium_memzero(text.data(), text.size());
  text.clear();
}

const unsigned char* octets_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// systemd gives a service's user its credential by an ACL, which shows as a group permission.
bool is_systemd_credential(const std::string& path) {
  const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
  return directory != nullptr && *directory != '\0' &&
         std::filesystem::path(path).parent_path() == std::filesystem::path(directory);
}

Result<SecretText> read_private_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return Failure("MRD-BASE-003", fmt::format("{}: {}", path, std::strerror(errno)));
  struct stat facts{};
  const mode_t forbidden = is_systemd_credential(path) ? 0007 : 0077;
  if (::fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode) || (facts.st_mode & forbidden) != 0) {
    ::close(file);
    return Failure("MRD-BASE-004", path);
  }
  std::string text(256, '\0');
  const auto got = ::read(file, text.data(), text.size());
  ::close(file);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  SecretText out(std::move(text));
  return out;
}

}  // namespace

SecretText::SecretText(std::string text) : text_(std::move(text)) {
  wipe(text);
}

SecretText::~SecretText() {
  wipe(text_);
}

SecretText::SecretText(SecretText&& other) noexcept : text_(std::move(other.text_)) {
  wipe(other.text_);
}

SecretText& SecretText::operator=(const SecretText& other) {
  if (this == &other) return *this;
  wipe(text_);
  text_ = other.text_;
  return *this;
}

SecretText& SecretText::operator=(SecretText&& other) noexcept {
  if (this == &other) return *this;
  wipe(text_);
  text_ = std::move(other.text_);
  wipe(other.text_);
  return *this;
}

Result<Sealer> Sealer::from_file(const std::string& key_file) {
  need_sodium();
  auto read = read_private_file(key_file);
  if (!read) return read.error();
  auto text = read->reveal();
  if (text.size() == k_key_octets) return Sealer(*read);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  std::string key(k_key_octets, '\0');
  std::size_t length = 0;
  if (text.size() != 2 * k_key_octets ||
      sodium_hex2bin(reinterpret_cast<unsigned char*>(key.data()), key.size(), text.data(), text.size(),
                     nullptr, &length, nullptr) != 0 ||
      length != k_key_octets) {
    wipe(key);
    return Failure("MRD-BASE-005", key_file);
  }
  return Sealer(SecretText(std::move(key)));
}

std::string Sealer::generate_key() {
  need_sodium();
  unsigned char key[k_key_octets];
  crypto_aead_xchacha20poly1305_ietf_keygen(key);
  std::string hex(2 * k_key_octets + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), key, sizeof key);
  sodium_memzero(key, sizeof key);
  hex.pop_back();  // the terminating NUL
  return hex;
}

std::vector<std::uint8_t> Sealer::seal(const SecretText& plain, std::string_view context) const {
  const auto text = plain.reveal();
  std::vector<std::uint8_t> out(1 + k_nonce_octets + text.size() + k_tag_octets);
  out[0] = k_scheme;
  unsigned char* const nonce = out.data() + 1;
  randombytes_buf(nonce, k_nonce_octets);
  crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + k_nonce_octets, nullptr, octets_of(text), text.size(),
                                             octets_of(context), context.size(), nullptr, nonce,
                                             octets_of(key_.reveal()));
  return out;
}

Result<SecretText> Sealer::open(const std::vector<std::uint8_t>& sealed, std::string_view context) const {
  if (sealed.size() < 1 + k_nonce_octets + k_tag_octets || sealed[0] != k_scheme)
    return Failure("MRD-BASE-006", std::string(context));
  const unsigned char* const nonce = sealed.data() + 1;
  const std::size_t body = sealed.size() - 1 - k_nonce_octets;
  std::string text(body - k_tag_octets, '\0');
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(reinterpret_cast<unsigned char*>(text.data()), nullptr,
                                                 nullptr, nonce + k_nonce_octets, body, octets_of(context),
                                                 context.size(), nonce, octets_of(key_.reveal())) != 0) {
    wipe(text);
    return Failure("MRD-BASE-006", std::string(context));
  }
  return SecretText(std::move(text));
}

KeyedHash::KeyedHash(const Sealer& sealer, std::string_view purpose) {
  static_assert(crypto_shorthash_siphashx24_KEYBYTES == std::tuple_size_v<Value> &&
                crypto_shorthash_siphashx24_BYTES == std::tuple_size_v<Value>);
  std::string key(crypto_shorthash_siphashx24_KEYBYTES, '\0');
  const auto secret = sealer.key_.reveal();
  crypto_generichash(reinterpret_cast<unsigned char*>(key.data()), key.size(), octets_of(purpose),
                     purpose.size(), octets_of(secret), secret.size());
  key_ = SecretText(std::move(key));
}

KeyedHash::Value KeyedHash::operator()(std::string_view octets) const {
  Value out{};
  crypto_shorthash_siphashx24(out.data(), octets_of(octets), octets.size(), octets_of(key_.reveal()));
  return out;
}

}  // namespace mirror::base
