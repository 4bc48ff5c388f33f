// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/recent.hpp"

#include <catch2/catch.hpp>

using namespace mirror;
using directory::Recent;
using namespace std::chrono_literals;

namespace {

ldap::Entry entry(std::size_t octets) {
  return {"cn=a", {{"cn", {std::string(octets, 'x')}}}};
}

}  // namespace

TEST_CASE("an entry that was just read is given once") {
  Recent recent;
  const base::BootTime now{100s};
  recent.keep("one", entry(1), now);
  CHECK(recent.take("one", now + 1s).has_value());
  CHECK_FALSE(recent.take("one", now + 1s).has_value());
  CHECK_FALSE(recent.take("other", now).has_value());
}

TEST_CASE("an entry that was read long ago is read again") {
  Recent recent;
  const base::BootTime now{100s};
  recent.keep("one", entry(Recent::k_most_octets - 1000), now);
  const auto later = now + Recent::k_oldest + 1ms;
  CHECK_FALSE(recent.take("one", later).has_value());
  recent.keep("two", entry(Recent::k_most_octets - 1000), later);  // the first one's octets are free again
  CHECK(recent.take("two", later).has_value());
}

TEST_CASE("entries are kept up to a bound, and again when others went") {
  Recent recent;
  const base::BootTime now{100s};
  recent.keep("large", entry(Recent::k_most_octets - 1000), now);
  recent.keep("more", entry(1000), now);
  CHECK_FALSE(recent.take("more", now).has_value());
  CHECK(recent.take("large", now).has_value());
  recent.keep("more", entry(1000), now);
  CHECK(recent.take("more", now).has_value());
}
