// SPDX-License-Identifier: Apache-2.0
#pragma once

// A certificate authority for tests, made with the OpenSSL API.

#include <memory>
#include <string>
#include <vector>

namespace mirror::test {

struct Identity {
  std::string certificate_pem, key_pem;
  std::string fingerprint;  // hex SHA-256 of the DER form
};

struct Wish {
  std::string subject = "localhost";
  std::vector<std::string> alternative_names{"DNS:localhost"};
  long valid_from_seconds = -3600;
  long valid_to_seconds = 3600;
};

class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  const std::string& pem() const;
  Identity issue(const Wish& wish) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A folder of its own that goes when the object goes.
class Folder {
 public:
  Folder();
  ~Folder();
  std::string write(const std::string& name, const std::string& text) const;

 private:
  std::string path_;
};

}  // namespace mirror::test
