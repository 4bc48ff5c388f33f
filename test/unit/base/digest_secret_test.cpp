// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/digest.hpp"
#include "base/secret.hpp"

using namespace mirror::base;

namespace {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/mirror-unit-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string write(const std::string& name, const std::string& text, mode_t mode) const {
    const auto path = (path_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("SHA-256 gives the published digests, in one piece or many") {
  CHECK(to_hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(to_hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 hash;
  hash.update("a");
  hash.update("");
  hash.update("bc");
  CHECK(hash.finish() == sha256("abc"));
  CHECK(hash.finish() == sha256(""));  // fresh again
  Sha256 moved = std::move(hash);
  moved.update("abc");
  CHECK(moved.finish() == sha256("abc"));
}

TEST_CASE("a sealed secret opens only with its key and its context") {
  const Folder folder;
  const auto sealer = Sealer::from_file(folder.write("key", Sealer::generate_key() + "\n", 0600)).value();
  const auto other = Sealer::from_file(folder.write("other", std::string(32, 'k'), 0600)).value();
  const SecretText plain("hunter2");
  auto sealed = sealer.seal(plain, "store/7/password");
  CHECK(sealer.open(sealed, "store/7/password").value().reveal() == "hunter2");
  CHECK(sealer.open(sealed, "store/8/password").error().code() == "MRD-BASE-006");
  CHECK(other.open(sealed, "store/7/password").error().code() == "MRD-BASE-006");
  CHECK(sealer.seal(plain, "store/7/password") != sealed);  // a nonce of its own
  CHECK(std::search(sealed.begin(), sealed.end(), plain.reveal().begin(), plain.reveal().end()) ==
        sealed.end());
  sealed.back() ^= 1;
  CHECK_FALSE(sealer.open(sealed, "store/7/password").has_value());
  CHECK_FALSE(sealer.open({}, "store/7/password").has_value());
  CHECK_FALSE(sealer.open({1, 2, 3}, "store/7/password").has_value());
  CHECK(sealer.open(sealer.seal(SecretText{}, "x"), "x").value().empty());
}

TEST_CASE("a key file must be private and hold a key") {
  const Folder folder;
  const auto key = Sealer::generate_key();
  CHECK(key.size() == 64);
  CHECK(Sealer::from_file(folder.path() + "/none").error().code() == "MRD-BASE-003");
  CHECK(Sealer::from_file(folder.write("group", key, 0640)).error().code() == "MRD-BASE-004");
  CHECK(Sealer::from_file(folder.write("others", key, 0604)).error().code() == "MRD-BASE-004");
  CHECK(Sealer::from_file(folder.path()).error().code() == "MRD-BASE-004");
  CHECK(Sealer::from_file(folder.write("short", key.substr(1), 0600)).error().code() == "MRD-BASE-005");
  CHECK(Sealer::from_file(folder.write("nohex", std::string(64, 'x'), 0600)).error().code() ==
        "MRD-BASE-005");
  CHECK(Sealer::from_file(folder.write("empty", "", 0600)).error().code() == "MRD-BASE-005");
  // systemd's credential shows a group permission: it is an ACL for the service's user.
  ::setenv("CREDENTIALS_DIRECTORY", folder.path().c_str(), 1);
  CHECK(Sealer::from_file(folder.write("credential", key, 0440)).has_value());
  CHECK(Sealer::from_file(folder.write("credential2", key, 0444)).error().code() == "MRD-BASE-004");
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_CASE("a secret leaves no copy behind where it was moved from") {
  SecretText first("0123456789");  // short: lives inside the object
  const SecretText second = std::move(first);
  CHECK(second.reveal() == "0123456789");
  const auto* const octets = reinterpret_cast<const char*>(&first);
  CHECK(std::string_view(octets, sizeof first).find("123456789") == std::string_view::npos);
  SecretText third("long enough to be on the heap, that is for sure");
  third = second;
  CHECK(third.reveal() == "0123456789");
}
