// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "mirror/run_estimate.hpp"

using mirror::engine::Estimate;

TEST_CASE("octets are minutes of voice behind base64", "[estimate]") {
  Estimate estimate;
  estimate.octets = 8000LL * 60 * 10 * 78 / 57 + 1;  // ten minutes of G.711
  CHECK(estimate.g711_minutes() == 10);
  CHECK(estimate.gsm_minutes() == 49);  // 64 to 13 kbit/s
}

TEST_CASE("an estimate without a measured rate says null, not 0", "[estimate]") {
  Estimate estimate;
  estimate.octets = 1001;
  auto value = boost::json::parse(to_json(estimate)).as_object();
  CHECK(value.at("octets_per_second").is_null());
  CHECK(value.at("seconds_at_measured_rate").is_null());
  estimate.octets_per_second = 100;
  value = boost::json::parse(to_json(estimate)).as_object();
  CHECK(value.at("seconds_at_measured_rate").as_int64() == 11);
}

TEST_CASE("estimates of mailboxes add up", "[estimate]") {
  Estimate total, one;
  one.mailboxes = 1;
  one.folders = 3;
  one.messages = 7;
  one.greetings = 2;
  one.octets = 100;
  total.add(one);
  total.add(one);
  CHECK(total.mailboxes == 2);
  CHECK(total.folders == 6);
  CHECK(total.messages == 14);
  CHECK(total.greetings == 4);
  CHECK(total.octets == 200);
}
