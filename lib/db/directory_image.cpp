// SPDX-License-Identifier: Apache-2.0
#include "db/directory_image.hpp"

#include <pqxx/stream_to>

#include "db/rows_detail.hpp"

namespace mirror::db {

namespace {

std::string bytea(const std::uint8_t* octets, std::size_t size) {
  constexpr char k_digits[] = "0123456789abcdef";
  std::string out = "\\x";
  out.reserve(2 + 2 * size);
  for (std::size_t i = 0; i < size; ++i) {
    out.push_back(k_digits[octets[i] >> 4]);
    out.push_back(k_digits[octets[i] & 15]);
  }
  return out;
}

std::string side_text(Side side) {
  return std::string(1, static_cast<char>(side));
}

void remove(Transaction& tx, LinkId link, Side side, const std::vector<std::string>& uuids) {
  if (uuids.empty()) return;
  ArrayText list;
  for (const auto& uuid : uuids) list.add(std::string_view(uuid));
  tx.exec_params(
      "delete from directory_image where link_id = $1 and side = $2::\"char\" and uuid = any($3::text[])",
      num(link), side_text(side), list.done());
}

}  // namespace

Task<PlanId> begin_plan(Pool& pool, RunId run, LinkId link, std::string map_hash) {
  co_return co_await transact(pool, [&](Transaction& tx) {
    tx.of_a_pass = true;
    tx.exec_params("delete from directory_member m using run r where r.id = m.run_id and r.link_id = $1",
                   num(link));
    tx.exec_params(
        "update directory_change c set state = 'unknown', code = 'MRD-DIR-007' from directory_plan p where "
        "p.id = c.plan_id and p.link_id = $1 and c.state = 'sent'",
        num(link));
    tx.exec_params(
        "update directory_plan set state = 'superseded' where link_id = $1 and state in ('reading', "
        "'planned', 'applying')",
        num(link));
    // What was done stays in the history; of what was planned the last fifty are enough.
    tx.exec_params(
        "delete from directory_plan where id in (select id from directory_plan where link_id = $1 order by "
        "id "
        "desc offset 50) and not exists (select 1 from directory_change c where c.plan_id = "
        "directory_plan.id "
        "and c.state = 'unknown')",
        num(link));
    const auto row = tx.exec_params1(
        "insert into directory_plan (link_id, run_id, map_hash) values ($1, $2, $3) returning id", num(link),
        num(run), map_hash);
    return PlanId{row[0].as<std::int64_t>()};
  });
}

Task<std::vector<KnownImage>> known_images(Pool& pool, LinkId link, Side side) {
  co_return co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    std::vector<KnownImage> out;
    const auto rows = tx.exec_params(
        "select uuid, row_hash from directory_image where link_id = $1 and side = $2::\"char\"", num(link),
        side_text(side));
    out.reserve(rows.size());
    for (const auto& row : rows) {
      KnownImage known;
      known.uuid = row[0].c_str();
      const pqxx::binarystring hash(row[1]);
      if (hash.size() == known.row_hash.size()) std::copy(hash.begin(), hash.end(), known.row_hash.begin());
      out.push_back(std::move(known));
    }
    return out;
  });
}

Task<void> put_images(Pool& pool, LinkId link, Side side, std::vector<ImageRow> rows,
                      std::vector<std::string> replaced) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    remove(tx, link, side, replaced);
    pqxx::stream_to copy(
        tx, "directory_image",
        std::vector<std::string>{"link_id", "side", "uuid", "key", "dn", "target_dn", "name_hash", "csn",
                                 "fields", "mailbox", "problem", "row_hash"});
    const std::string letter = side_text(side);
    for (const auto& r : rows)
      copy << std::make_tuple(num(link), letter, clean_text(r.uuid), clean_text(r.key), clean_text(r.dn),
                              clean_text(r.target_dn), bytea(r.name_hash.data(), r.name_hash.size()),
                              clean_text(r.csn), bytea(r.fields.data(), r.fields.size()),
                              clean_text(r.mailbox), clean_text(r.problem),
                              bytea(r.row_hash.data(), r.row_hash.size()));
    copy.complete();
  });
}

Task<void> drop_images(Pool& pool, LinkId link, Side side, std::vector<std::string> uuids) {
  if (uuids.empty()) co_return;
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) { remove(tx, link, side, uuids); });
}

Task<void> copy_members(Pool& pool, RunId run, std::vector<MemberRow> rows) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    pqxx::stream_to copy(tx, "directory_member", std::vector<std::string>{"run_id", "uuid", "mailbox"});
    for (const auto& r : rows) copy << std::make_tuple(num(run), clean_text(r.uuid), clean_text(r.mailbox));
    copy.complete();
  });
}

Task<void> void_members(Pool& pool, RunId run) {
  co_await transact(pool, Commit::relaxed, [&](Transaction& tx) {
    tx.exec_params("delete from directory_member where run_id = $1", num(run));
  });
}

}  // namespace mirror::db
