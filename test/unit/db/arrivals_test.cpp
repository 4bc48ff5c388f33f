// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "db/arrivals.hpp"
#include "support/cluster.hpp"
#include "support/run.hpp"

using namespace mirror;
using namespace std::chrono_literals;

namespace {

// One mailbox, compared a minute ago: folder 1 lost what is held, folder 2 got what arrived.
struct Mailbox {
  std::string connection = test::Cluster::shared().fresh_database();
  db::Pool pool{db::PoolSettings{connection, 1, false}};

  Mailbox() {
    sql("insert into store (name, host, port) values ('a', 'h', 1), ('b', 'h', 2); "
        "insert into link (name, source_store_id, target_store_id) values ('l', 1, 2); "
        "insert into mailbox (link_id, target_store_id, name, target_name, compared_at) "
        "values (1, 2, 'm', 'm', now() - interval '1 min'); "
        "insert into folder (mailbox_id, source_name, target_name, source_uidvalidity, target_uidvalidity) "
        "values (1, 'INBOX', 'INBOX', 7, 8), (1, 'Old', 'Old', 7, 8); "
        "insert into lease values (1, 5, 'n', now() + interval '1 h')");
  }
  ~Mailbox() { pool.join(); }

  std::string sql(const std::string& text) { return test::Cluster::shared().query(connection, text); }
  void mapped(int folder, int uid, int content) {
    sql(fmt::format(
        "insert into message (folder_id, source_uidvalidity, source_uid, target_uidvalidity, target_uid, "
        "size, internaldate, source_digest) values ({0}, 7, {1}, 8, {1}, 9, 9, '\\x{2:02x}')",
        folder, uid, content));
  }
  void held(int uid, int content, const char* scope = "mailbox") {
    mapped(1, uid, content);
    sql(fmt::format(
        "insert into held_deletion (folder_id, source_uidvalidity, source_uid, target_uidvalidity, "
        "target_uid, scope, reason) values (1, 7, {0}, 8, {0}, '{1}', 'why')",
        uid, scope));
  }
  void sent(int uid, int content, const char* when = "now()", const char* state = "stored") {
    mapped(2, uid, content);
    sql(fmt::format(
        "insert into intent (folder_id, source_uidvalidity, source_uid, target_uidvalidity, target_floor, "
        "size, internaldate, message_id_hash, epoch, target_uid, sent_at, state) values "
        "(2, 7, {0}, 8, 1, 9, 9, 0, 5, {0}, {1}, '{2}')",
        uid, when, state));
  }
  void went(int content, const char* kind) {
    sql(fmt::format(
        "insert into history (link_id, mailbox_id, kind, digest) values (1, 1, '{}', '\\x{:02x}')", kind,
        content));
  }
  std::size_t released(std::chrono::seconds delay = 0s) {
    db::Fence fence;
    fence.mailbox = base::MailboxId{1};
    fence.link = base::LinkId{1};
    fence.epoch = base::Epoch{5};
    return test::run(db::release_moved(pool, fence, delay));
  }
};

}  // namespace

TEST_CASE("what arrived elsewhere lets one held deletion of its content go, and only once") {
  Mailbox box;
  box.held(1, 1);
  box.held(2, 1);
  box.held(3, 2);
  box.sent(1, 1);
  box.sent(2, 3);
  CHECK(box.released() == 1);
  CHECK(
      box.sql("select string_agg(source_uid::text, ',') from held_deletion where released_at is not null") ==
      "1");
  CHECK(box.sql("select count(*) from dirty where full_compare") == "1");
  // The pass that would have ended here died: the next one finds the same arrival.
  CHECK(box.released() == 0);
}

TEST_CASE("a deletion of the same content has used an arrival up") {
  Mailbox box;
  box.held(1, 1);
  box.sent(1, 1);
  SECTION("one that was made") {
    box.went(1, "message.deleted");
  }
  SECTION("one that was found made") {
    box.went(1, "message.lost_on_target");
  }
  SECTION("one that waits for its time") {
    box.held(2, 1, "delay");
  }
  CHECK(box.released() == 0);
}

TEST_CASE("what did not arrive since the mailbox was last equal pays for nothing") {
  Mailbox box;
  box.held(1, 1);
  SECTION("sent before that") {
    box.sent(1, 1, "now() - interval '2 min'");
  }
  SECTION("recognised, and never sent") {
    box.mapped(2, 1, 1);
  }
  SECTION("not stored") {
    box.sent(1, 1, "now()", "absent");
  }
  SECTION("more than a day ago, in a mailbox that is never equal") {
    box.sql("update mailbox set compared_at = null");
    box.sent(1, 1, "now() - interval '25 h'");
  }
  CHECK(box.released() == 0);
}

TEST_CASE("under a delay of deletions what moved waits for its time") {
  Mailbox box;
  box.held(1, 1);
  box.sent(1, 1);
  CHECK(box.released(1h) == 1);
  CHECK(
      box.sql(
          "select scope || ' ' || (due_at > now() + interval '59 min') || ' ' || (released_at is null) from "
          "held_deletion") == "delay true true");
  CHECK(box.sql("select count(*) from dirty") == "0");
  CHECK(box.released(1h) == 0);
}
