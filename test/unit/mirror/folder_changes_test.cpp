// SPDX-License-Identifier: Apache-2.0
#include "mirror/folder_changes.hpp"

#include <catch2/catch.hpp>

using mirror::base::BootTime;
using mirror::base::MailboxId;
using mirror::engine::FolderChanges;
using std::chrono::seconds;

namespace {

constexpr MailboxId k_one{1}, k_other{2};
const BootTime k_start = BootTime{} + seconds(1000);

}  // namespace

TEST_CASE("sessions of before are not believed until it is quiet") {
  FolderChanges changes;
  changes.seen(k_one, k_start + seconds(2));
  CHECK(changes.settling(k_one, k_start));
  CHECK(changes.settling(k_one, k_start + seconds(1)));
  CHECK_FALSE(changes.settling(k_one, k_start + seconds(2)));
  CHECK_FALSE(changes.settling(k_other, k_start));
}

TEST_CASE("each change begins the quiet time anew") {
  FolderChanges changes;
  changes.seen(k_one, k_start + seconds(2));
  changes.seen(k_one, k_start + seconds(4));
  CHECK(changes.settling(k_one, k_start + seconds(3)));
}

TEST_CASE("folders that change with every look are not looked at for ever") {
  FolderChanges changes;
  auto now = k_start;
  int looks = 0;
  while (looks < 100) {
    changes.seen(k_one, now + seconds(2));
    now += seconds(1);
    if (!changes.settling(k_one, now)) break;
    ++looks;
  }
  CHECK(looks > 0);
  CHECK(looks < 20);
}

TEST_CASE("the watcher is told once after a change") {
  FolderChanges changes;
  CHECK_FALSE(changes.take(k_one));
  changes.seen(k_one, k_start);
  CHECK(changes.take(k_one));
  CHECK_FALSE(changes.take(k_one));
}
