// SPDX-License-Identifier: Apache-2.0
#include "certificates.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "base/message_facts.hpp"

namespace mirror::test {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

void must(bool done, const char* what) {
  if (!done) throw std::runtime_error(what);
}

Key make_key() {
  Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  must(key != nullptr, "key");
  return key;
}

template <class Write>
std::string pem_of(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), &BIO_free);
  must(write(text.get()) == 1, "PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  must(extension != nullptr, "extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate draft(EVP_PKEY* key, const std::string& name, long from, long to) {
  Certificate out(X509_new(), &X509_free);
  X509_set_version(out.get(), X509_VERSION_3);
  unsigned char serial[8];
  RAND_bytes(serial, sizeof serial);
  serial[0] &= 0x7F;
  BIGNUM* const number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(out.get()));
  BN_free(number);
  X509_gmtime_adj(X509_getm_notBefore(out.get()), from);
  X509_gmtime_adj(X509_getm_notAfter(out.get()), to);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_pubkey(out.get(), key);
  return out;
}

}  // namespace

struct Authority::State {
  Key key{nullptr, &EVP_PKEY_free};
  Certificate certificate{nullptr, &X509_free};
  std::string pem;
};

Authority::Authority(const std::string& name) : state_(std::make_unique<State>()) {
  state_->key = make_key();
  state_->certificate = draft(state_->key.get(), name, -7200, 7200);
  X509* const own = state_->certificate.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  add_extension(own, own, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(own, own, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(own, own, NID_subject_key_identifier, "hash");
  must(X509_sign(own, state_->key.get(), EVP_sha256()) > 0, "sign");
  state_->pem = pem_of([&](BIO* text) { return PEM_write_bio_X509(text, own); });
}

Authority::~Authority() = default;

const std::string& Authority::pem() const {
  return state_->pem;
}

Identity Authority::issue(const Wish& wish) const {
  const auto key = make_key();
  const auto leaf = draft(key.get(), wish.subject, wish.valid_from_seconds, wish.valid_to_seconds);
  X509* const issuer = state_->certificate.get();
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer));
  std::string names;
  for (const auto& name : wish.alternative_names) names += (names.empty() ? "" : ",") + name;
  if (!names.empty()) add_extension(leaf.get(), issuer, NID_subject_alt_name, names);
  add_extension(leaf.get(), issuer, NID_authority_key_identifier, "keyid");
  must(X509_sign(leaf.get(), state_->key.get(), EVP_sha256()) > 0, "sign");
  Identity out;
  out.certificate_pem = pem_of([&](BIO* text) { return PEM_write_bio_X509(text, leaf.get()); });
  out.key_pem = pem_of([&](BIO* text) {
    return PEM_write_bio_PrivateKey(text, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  base::Digest digest{};
  must(X509_digest(leaf.get(), EVP_sha256(), digest.data(), nullptr) == 1, "digest");
  out.fingerprint = base::to_hex(digest);
  return out;
}

Folder::Folder() {
  char name[] = "/tmp/mirror-unit-XXXXXX";
  must(::mkdtemp(name) != nullptr, "mkdtemp");
  path_ = name;
}

Folder::~Folder() {
  std::filesystem::remove_all(path_);
}

std::string Folder::write(const std::string& name, const std::string& text) const {
  auto path = path_ + "/" + name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

}  // namespace mirror::test
