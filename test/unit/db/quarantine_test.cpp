// SPDX-License-Identifier: Apache-2.0
#include "db/quarantine.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "db/changes.hpp"
#include "db/work.hpp"
#include "support/cluster.hpp"
#include "support/run.hpp"

using namespace mirror;

namespace {

struct Mailbox {
  std::string connection = test::Cluster::shared().fresh_database();
  db::Pool pool{db::PoolSettings{connection, 1, false}};

  Mailbox() {
    sql("insert into store (name, host, port) values ('a', 'h', 1), ('b', 'h', 2); "
        "insert into link (name, source_store_id, target_store_id) values ('l', 1, 2); "
        "insert into mailbox (link_id, target_store_id, name, target_name, participates, review_due_at, "
        "rebuild_due_at) "
        "values (1, 2, 'm', 'm', true, now() + interval '1 h', now() + interval '1 h'); "
        "insert into folder (mailbox_id, source_name, target_name, source_uidvalidity, target_uidvalidity) "
        "values (1, 'INBOX', 'INBOX', 7, 8); "
        "insert into lease values (1, 5, 'n', now() + interval '1 h')");
  }
  ~Mailbox() { pool.join(); }

  std::string sql(const std::string& text) { return test::Cluster::shared().query(connection, text); }

  std::size_t put(const char* kind, int uid, int attempts = 1) {
    db::Quarantined row;
    row.folder = base::FolderId{1};
    row.folder_name = "INBOX";
    row.kind = kind;
    row.source_uidvalidity = base::UidValidity{7};
    row.source = base::Uid{static_cast<std::uint32_t>(uid)};
    row.code = "MRD-MIR-003";
    row.attempts = attempts;
    std::vector<db::Quarantined> rows;
    rows.push_back(std::move(row));
    return test::run(db::quarantine(pool, base::MailboxId{1}, std::move(rows))).size();
  }
  std::string waits() {
    return sql("select round(extract(epoch from retry_at - now()) / 3600) from quarantine");
  }
  std::size_t lost(int target) {
    sql(fmt::format(
        "insert into message (folder_id, source_uidvalidity, source_uid, target_uidvalidity, target_uid, "
        "size, internaldate) values (1, 7, 3, 8, {}, 9, 9)",
        target));
    db::Fence fence;
    fence.mailbox = base::MailboxId{1};
    fence.link = base::LinkId{1};
    fence.epoch = base::Epoch{5};
    const db::FolderKey key{base::FolderId{1}, base::UidValidity{7}, base::UidValidity{8}};
    std::vector<db::RemovalResult> rows;
    rows.push_back({base::Uid{3}, base::Uid{static_cast<std::uint32_t>(target)}});
    const auto repeated = test::run(db::save_lost(pool, fence, key, "INBOX", std::move(rows)));
    return repeated.empty() ? 1 : static_cast<std::size_t>(repeated.front().times);
  }
};

}  // namespace

TEST_CASE("what the target refuses waits an hour, then twice as long each time, up to a day") {
  Mailbox box;
  for (const char* hours : {"1", "2", "4", "8", "16", "24", "24"}) {
    CHECK(box.put("message", 3) == 1);
    CHECK(box.waits() == hours);
  }
  CHECK(box.sql("select count(*) from event where type = 'quarantine.added'") == "1");
}

TEST_CASE("what the target alters is told once, and not tried again") {
  Mailbox box;
  CHECK(box.put("altered", 3) == 0);
  CHECK(box.put("altered", 3) == 0);
  CHECK(box.sql("select count(*) from event where type = 'quarantine.added'") == "1");
  CHECK(box.sql("select retry_at is null from quarantine") == "t");
}

TEST_CASE("what the target does not keep is sent three times before it waits") {
  Mailbox box;
  CHECK(box.put("not_kept", 3) == 0);
  CHECK(box.put("not_kept", 3) == 0);
  CHECK(box.sql("select count(*) from event where type = 'quarantine.added'") == "0");
  CHECK(box.put("not_kept", 3) == 1);
  CHECK(box.waits() == "1");
  CHECK(box.sql("select count(*) from event where type = 'quarantine.added'") == "1");
  CHECK(box.put("not_kept", 3) == 1);
  CHECK(box.waits() == "2");
}

TEST_CASE("of what was lost more often before it waits, it is told once") {
  Mailbox box;
  CHECK(box.put("not_kept", 3, 4) == 1);
  CHECK(box.put("not_kept", 3, 5) == 1);
  CHECK(box.sql("select count(*) from event where type = 'quarantine.added'") == "1");
}

TEST_CASE(
    "a send that was lost with its connection waits for seconds, and longer where the line may be to blame") {
  Mailbox box;
  const auto seconds = [&](const char* code, int attempts) {
    return box.sql(
        fmt::format("select coalesce(round(extract(epoch from quarantine_until('not_kept', '{}', {}) - "
                    "now()))::text, 'now')",
                    code, attempts));
  };
  CHECK(seconds("MRD-IMAP-002", 2) == "now");
  CHECK(seconds("MRD-IMAP-002", 3) == "15");
  CHECK(seconds("MRD-IMAP-002", 5) == "60");
  CHECK(seconds("MRD-NET-003", 9) == "now");
  CHECK(seconds("MRD-NET-003", 10) == "15");
  CHECK(seconds("MRD-NET-003", 40) == "86400");
}

TEST_CASE("flags that wait are released word by word") {
  Mailbox box;
  const db::FolderKey key{base::FolderId{1}, base::UidValidity{7}, base::UidValidity{8}};
  for (const char* word : {"$a", "$b"}) {
    db::Quarantined row;
    row.folder = base::FolderId{1};
    row.folder_name = "INBOX";
    row.kind = "flag";
    row.source_uidvalidity = base::UidValidity{7};
    row.source = base::Uid{3};
    row.code = "MRD-MIR-002";
    row.wanted = word;
    std::vector<db::Quarantined> rows;
    rows.push_back(std::move(row));
    test::run(db::quarantine(box.pool, base::MailboxId{1}, std::move(rows)));
  }
  box.sql("update quarantine set retry_at = null, folder_name = 'of before' where wanted = '$b'");
  const auto lost = test::run(db::lost_flags(box.pool, key));
  REQUIRE(lost.size() == 1);
  CHECK(lost.begin()->second.all.words().size() == 2);
  CHECK(lost.begin()->second.waiting.text() == "$a");
  std::vector<base::LostFlag> over{{base::Uid{3}, "$b"}};
  test::run(db::release_flags(box.pool, key, std::move(over)));
  CHECK(box.sql("select wanted from quarantine") == "$a");
}

TEST_CASE("how often a copy was lost within a week is known") {
  Mailbox box;
  CHECK(box.lost(1) == 1);
  CHECK(box.lost(2) == 2);
  CHECK(box.lost(3) == 3);
  box.sql("update tombstone set deleted_at = now() - interval '8 days'");
  CHECK(box.lost(4) == 1);
  CHECK(box.put("not_kept", 3, 5) == 1);
  CHECK(box.waits() == "4");
}

TEST_CASE("a row whose time has come makes its mailbox dirty, once") {
  Mailbox box;
  box.put("message", 3);
  box.put("altered", 4);
  CHECK(test::run(db::raise_due(box.pool, {})) == 0);
  box.sql("update quarantine set retry_at = now()");
  CHECK(test::run(db::raise_due(box.pool, {})) == 1);
  CHECK(box.sql("select cause || full_compare from dirty") == "quarantine.duetrue");
  CHECK(box.sql("select kind from quarantine where retry_at is null") == "message");
  box.sql("delete from dirty");
  CHECK(test::run(db::raise_due(box.pool, {})) == 0);
}

TEST_CASE("folders that both lists settle wait no more") {
  Mailbox box;
  box.sql(
      "insert into quarantine (mailbox_id, folder_name, kind, code, wanted) values "
      "(1, 'refused', 'folder', 'MRD-IMAP-014', 'refused'), (1, 'gone', 'folder', 'MRD-IMAP-014', 'gone'), "
      "(1, 'made', 'folder', 'MRD-MIR-004', 'made'), (1, 'left', 'folder', 'MRD-MIR-012', 'left'), "
      "(1, 'emptied', 'folder', 'MRD-MIR-012', 'emptied'), (1, 'again', 'folder', 'MRD-MIR-012', 'again'), "
      "(1, 'INBOX', 'message', 'MRD-IMAP-014', '')");
  test::run(db::release_settled_folders(box.pool, base::MailboxId{1}, {"INBOX", "refused", "made", "again"},
                                        {"INBOX", "made", "left", "again"}));
  CHECK(box.sql("select string_agg(folder_name, ' ' order by folder_name) from quarantine") ==
        "INBOX left refused");
}
