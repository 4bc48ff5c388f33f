// SPDX-License-Identifier: Apache-2.0
#include "imap/scram.hpp"

#include "base/digest.hpp"
#include "base/scram_crypto.hpp"
#include "imap/base64.hpp"
#include "imap/value_parser.hpp"

namespace mirror::imap {
namespace {

using base::Failure;
using base::Result;

constexpr std::uint32_t k_most_iterations = 1'000'000;  // a hostile server must not keep the loop busy

// saslname: "," and "=" are written as "=2C" and "=3D".
std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ',')
      out += "=2C";
    else if (c == '=')
      out += "=3D";
    else
      out.push_back(c);
  }
  return out;
}

// The value of attribute letter in "r=...,s=...,i=...".
std::string_view attribute(std::string_view message, char letter) {
  while (!message.empty()) {
    const auto end = message.find(',');
    const std::string_view field = message.substr(0, end);
    if (field.size() >= 2 && field[0] == letter && field[1] == '=') return field.substr(2);
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
  }
  return {};
}

std::string sha256_text(std::string_view octets) {
  const auto digest = base::sha256(octets);
  return std::string(digest.begin(), digest.end());
}

}  // namespace

ScramClient::ScramClient(std::string user, base::SecretText password, std::string authzid, std::string nonce)
    : header_(authzid.empty() ? "n,," : "n,a=" + escaped(authzid) + ","),
      bare_("n=" + escaped(user) + ",r=" + nonce),
      nonce_(std::move(nonce)),
      password_(std::move(password)) {}

std::string ScramClient::first() const {
  return header_ + bare_;
}

Result<std::string> ScramClient::answer(std::string_view server_first) {
  const std::string_view nonce = attribute(server_first, 'r');
  const auto salt = decode_base64(attribute(server_first, 's'));
  const auto iterations = parse_number32(attribute(server_first, 'i'));
  if (!nonce.starts_with(nonce_) || nonce.size() == nonce_.size() || !salt || salt->empty() || !iterations ||
      *iterations == 0 || *iterations > k_most_iterations)
    return Failure("MRD-IMAP-001", "SCRAM: no valid challenge");
  const std::string salted = base::pbkdf2_sha256(password_.reveal(), *salt, *iterations);
  const std::string client_key = base::hmac_sha256(salted, "Client Key");
  const std::string without_proof = "c=" + encode_base64(header_) + ",r=" + std::string(nonce);
  const std::string auth_message = bare_ + "," + std::string(server_first) + "," + without_proof;
  std::string proof = base::hmac_sha256(sha256_text(client_key), auth_message);
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ client_key[i]);
  server_signature_ = base::hmac_sha256(base::hmac_sha256(salted, "Server Key"), auth_message);
  return without_proof + ",p=" + encode_base64(proof);
}

bool ScramClient::verify(std::string_view server_final) const {
  const auto signature = decode_base64(attribute(server_final, 'v'));
  return signature && !server_signature_.empty() &&
         base::equal_in_constant_time(*signature, server_signature_);
}

}  // namespace mirror::imap
