// SPDX-License-Identifier: Apache-2.0
// Flags, dates and UID sets as servers send them: any text is safe, and the canonical form is a fixed point.
#include <cstdlib>

#include "base/message_facts.hpp"
#include "base/uid_set.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mirror::base;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const FlagSet flags = FlagSet::parse(input);
  if (!(FlagSet::parse(flags.text()) == flags) && flags.text().find_first_of("()") == std::string::npos)
    std::abort();
  const auto date = InternalDate::parse(input);
  if (date) {
    const auto again = InternalDate::parse(date->text());
    if (!again || !(*again == *date) || again->zone_minutes != date->zone_minutes) std::abort();
  }
  const auto uids = UidSet::parse(input);
  if (uids) {
    const auto again = UidSet::parse(uids->text());
    if (!uids->empty() && (!again || !(*again == *uids))) std::abort();
    std::uint64_t pieces = 0;
    for (const auto& piece : uids->texts(30)) pieces += UidSet::parse(piece)->count();
    if (pieces != uids->count()) std::abort();
  }
  return 0;
}
