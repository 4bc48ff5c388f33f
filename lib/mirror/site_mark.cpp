// SPDX-License-Identifier: Apache-2.0
// The site epoch outside the database: a small file, replaced atomically and durably.

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include "mirror/control.hpp"

namespace mirror::engine {

SiteMark read_site_mark(const std::string& directory) {
  SiteMark mark;
  std::ifstream in(directory + "/site");
  in >> mark.epoch >> mark.system_identifier;
  return mark;
}

void write_site_mark(const std::string& directory, const SiteMark& mark) {
  const std::string path = directory + "/site";
  const std::string fresh = path + ".new";
  const std::string text = fmt::format("{} {}\n", mark.epoch, mark.system_identifier);
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written = file >= 0 &&
                       ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(file) == 0;
  if (file >= 0) ::close(file);
  if (!written || ::rename(fresh.c_str(), path.c_str()) != 0)
    throw base::Failed(Failure("MRD-BASE-002", fmt::format("{} cannot be written", path)));
}

}  // namespace mirror::engine
