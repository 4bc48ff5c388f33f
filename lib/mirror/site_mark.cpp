// SPDX-License-Identifier: Apache-2.0
// What this node knows of the database outside the database: a small file, replaced atomically and durably.

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iomanip>
#include <sstream>

#include "mirror/control.hpp"

namespace mirror::engine {

SiteMark read_site_mark(const std::string& directory) {
  SiteMark mark;
  std::ifstream in(directory + "/site");
  in >> mark.epoch >> std::quoted(mark.system_identifier) >> mark.beat >> std::quoted(mark.node) >>
      mark.timeline;  // missing in marks of before: 0
  return mark;
}

SiteMark mark_of(const db::SiteState& site, const std::string& node) {
  return {base::raw(site.epoch), site.system_identifier, site.beat, node, site.timeline};
}

std::string went_back(const SiteMark& mark, const db::SiteState& site, const std::string& node) {
  if (!mark.system_identifier.empty() && !site.system_identifier.empty() &&
      mark.system_identifier != site.system_identifier)
    return "MRD-DB-010: this is another database cluster than before";
  // Lost or not, what the primary had committed last is not known of one that was promoted (law 9).
  const bool told = site.told_timeline == site.timeline && base::raw(site.epoch) > mark.epoch;
  if (mark.timeline != 0 && site.timeline != 0 && mark.timeline != site.timeline && !told)
    return fmt::format(
        "MRD-DB-010: this is another timeline than before ({}, was {}): a standby was promoted, or a backup "
        "restored",
        site.timeline, mark.timeline);
  const bool fewer = mark.node == node && site.beat < mark.beat;
  if (fewer || base::raw(site.epoch) < mark.epoch)
    return "MRD-DB-010: the database is older than what this node has seen";
  return {};
}

void write_site_mark(const std::string& directory, const SiteMark& mark) {
  const std::string path = directory + "/site";
  const std::string fresh = path + ".new";
  std::ostringstream words;
  words << mark.epoch << ' ' << std::quoted(mark.system_identifier) << ' ' << mark.beat << ' '
        << std::quoted(mark.node) << ' ' << mark.timeline << '\n';
  const std::string text = words.str();
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written = file >= 0 &&
                       ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(file) == 0;
  if (file >= 0) ::close(file);
  if (!written || ::rename(fresh.c_str(), path.c_str()) != 0)
    throw base::Failed(Failure("MRD-BASE-002", fmt::format("{} cannot be written", path)));
}

}  // namespace mirror::engine
