// SPDX-License-Identifier: Apache-2.0
#pragma once

// mirrorctl as a person calls it: words in; exit code, stdout and stderr out.

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace mirror::test {

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

inline std::string slurp(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class Shell {
 public:
  explicit Shell(std::string socket) : socket_(std::move(socket)) {
    char pattern[] = "/tmp/mm-cli-XXXXXX";
    if (mkdtemp(pattern) == nullptr) throw std::runtime_error("no temporary directory");
    directory = pattern;
  }
  ~Shell() { std::filesystem::remove_all(directory); }
  Ran run(const std::string& words, const std::string& input = "/dev/null") {
    const std::string err = directory + "/err", out = directory + "/out";
    const int status = std::system((std::string(MIRRORCTL) + " --socket " + socket_ + " " + words + " >" +
                                    out + " 2>" + err + " <" + input)
                                       .c_str());
    Ran ran;
    ran.code = WEXITSTATUS(status);
    ran.out = slurp(out);
    ran.err = slurp(err);
    return ran;
  }
  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(directory + "/" + name) << text;
    return directory + "/" + name;
  }
  std::string directory;

 private:
  std::string socket_;
};

}  // namespace mirror::test
