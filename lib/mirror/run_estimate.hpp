// SPDX-License-Identifier: Apache-2.0
#pragma once

// Takes estimate runs: counts what a first copy of these mailboxes would move, by asking the source (EXAMINE
// and RFC822.SIZE, no bodies). The totals grow in the run's result while it works. It waits while the site is
// not mirroring.

#include "mirror/gate.hpp"
#include "mirror/pass.hpp"
#include "mirror/wake.hpp"

namespace mirror::engine {

struct Estimate {
  std::int64_t mailboxes = 0, unseen_mailboxes = 0;  // unseen: those that could not be read
  std::int64_t folders = 0, messages = 0, greetings = 0, octets = 0;
  std::optional<std::int64_t> octets_per_second;  // measured; nullopt: unknown

  void add(const Estimate& other);
  // Voice as it travels: base64 in lines of 76, so 78 octets for each 57 of audio.
  std::int64_t g711_minutes() const;  // 64 kbit/s
  std::int64_t gsm_minutes() const;   // 13 kbit/s
};
std::string to_json(const Estimate& estimate);

Task<void> run_estimates(World& world, Gate& gate, Wake& wake);

}  // namespace mirror::engine
