// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an administrator runs after adding a store: every step of reaching it, one after the other, each with
// its time and a hint. The first hard failure ends the test; what follows is "skipped". A store that is a
// link's source is never written to; on a target alone a scratch folder is made, filled and removed again.
// Allowed in every site state.

#include <string>
#include <vector>

#include "db/store_subject.hpp"
#include "mirror/pass.hpp"

namespace mirror::engine {

struct TestStep {
  std::string name;
  std::string outcome = "skipped";  // ok, failed, warning, skipped
  std::int64_t ms = 0;
  std::string detail;
  std::string hint;  // what to do about it; empty when there is nothing to do
};

struct CapabilityLine {
  std::string name;
  bool offered = false;
  bool used = false;
  std::string why;
};

struct StoreTest {
  std::vector<TestStep> steps;
  std::vector<CapabilityLine> capabilities;
  bool passed() const;  // no step failed
};
std::string to_json(const StoreTest& test);

// Ends with a result whatever the store does; only cancellation and a lost database throw.
Task<StoreTest> test_store(World& world, std::shared_ptr<const Store> store, db::StoreSubject subject,
                           db::RunId run);

}  // namespace mirror::engine
