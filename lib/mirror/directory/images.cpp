// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/images.hpp"

#include <map>
#include <unordered_map>

#include "ldap/extract.hpp"

namespace mirror::directory {

namespace {

constexpr std::size_t k_rows = 1000;  // of one COPY

// Rows are put down when enough have come; while PostgreSQL takes them, the server waits.
template <class Row>
class Shelf : public ldap::ExtractSink {
 public:
  Task<void> take(ldap::Entry entry) override {
    if (auto row = row_of(entry)) rows_.push_back(std::move(*row));
    if (rows_.size() >= k_rows) co_await flush();
  }
  void start_over() override {
    rows_.clear();
    forget();
  }
  Task<void> flush() {
    if (!rows_.empty()) co_await put(std::exchange(rows_, {}));
  }

 protected:
  virtual std::optional<Row> row_of(const ldap::Entry& entry) = 0;
  virtual Task<void> put(std::vector<Row> rows) = 0;
  virtual void forget() = 0;  // nothing of what came so far was read

 private:
  std::vector<Row> rows_;
};

// What is as it was at the last reading stays where it is.
class Images : public Shelf<db::ImageRow> {
 public:
  Images(db::Pool& pool, const EntryReader& reader, db::Side side, base::LinkId link)
      : pool_(pool), reader_(reader), side_(side), link_(link) {}

  Task<void> open() {
    for (auto& known : co_await db::known_images(pool_, link_, side_))
      rows_.emplace(std::move(known.uuid), Known{known.row_hash, true, false});
  }
  // What was there and was not read goes.
  Task<void> close() {
    std::vector<std::string> gone;
    for (const auto& [uuid, known] : rows_)
      if (known.stored && !known.seen) gone.push_back(uuid);
    changed_ += gone.size();
    co_await db::drop_images(pool_, link_, side_, std::move(gone));
  }
  std::uint64_t entries() const {
    return static_cast<std::uint64_t>(
        std::ranges::count_if(rows_, [](const auto& row) { return row.second.seen; }));
  }
  std::uint64_t changed() const { return changed_; }

 protected:
  std::optional<db::ImageRow> row_of(const ldap::Entry& entry) override {
    const auto found = rows_.find(std::string(entry.first("entryUUID")));
    if (found != rows_.end() && found->second.stored && found->second.hash == reader_.raw_hash(entry)) {
      found->second.seen = true;
      return std::nullopt;
    }
    auto row = reader_.image(side_, entry);
    // Two without a UUID and with one key are two, and the compare has to see that.
    if (row.uuid.starts_with("key:") && rows_[row.uuid].seen) row.uuid = "name:" + row.dn;
    auto& known = rows_[row.uuid];
    // An entry that moves while it is read by pages may come twice: what was seen last counts. What is stored
    // changes only when it is put down: a reading may begin anew before that.
    known.seen = true;
    if (known.stored && known.hash == row.row_hash) return std::nullopt;
    return row;
  }
  Task<void> put(std::vector<db::ImageRow> rows) override {
    std::map<std::string, db::ImageRow> last;
    for (auto& row : rows) last.insert_or_assign(row.uuid, std::move(row));
    std::vector<std::string> replaced;
    std::vector<db::ImageRow> fresh;
    for (auto& [uuid, row] : last) {
      auto& known = rows_[uuid];
      if (known.stored) replaced.push_back(uuid);
      known.stored = true;
      known.hash = row.row_hash;
      fresh.push_back(std::move(row));
    }
    changed_ += fresh.size();
    co_await db::put_images(pool_, link_, side_, std::move(fresh), std::move(replaced));
  }
  void forget() override {
    for (auto& [uuid, known] : rows_) known.seen = false;
  }

 private:
  struct Known {
    db::FieldHash hash{};
    bool stored = false, seen = false;
  };
  db::Pool& pool_;
  const EntryReader& reader_;
  db::Side side_;
  base::LinkId link_;
  std::unordered_map<std::string, Known> rows_;
  std::uint64_t changed_ = 0;
};

class Members : public Shelf<db::MemberRow> {
 public:
  Members(db::Pool& pool, const EntryReader& reader, base::RunId run)
      : pool_(pool), reader_(reader), run_(run) {}

 protected:
  std::optional<db::MemberRow> row_of(const ldap::Entry& entry) override {
    auto image = reader_.image(db::Side::source, entry);
    return db::MemberRow{std::move(image.uuid), std::move(image.mailbox)};
  }
  Task<void> put(std::vector<db::MemberRow> rows) override {
    if (std::exchange(void_, false)) co_await db::void_members(pool_, run_);
    co_await db::copy_members(pool_, run_, std::move(rows));
  }
  void forget() override { void_ = true; }

 private:
  db::Pool& pool_;
  const EntryReader& reader_;
  base::RunId run_;
  bool void_ = false;
};

template <class Sink>
Task<SideRead> read(Side& side, ldap::SearchRequest request, Sink& sink) {
  const auto end = co_await ldap::extract(*side.connection, std::move(request), side.record.page_size, sink);
  co_await sink.flush();
  SideRead out;
  out.complete = end.complete;
  out.entries = end.entries;
  if (!end.complete) out.why = side.record.store_name + ": " + end.why;
  co_return out;
}

ldap::SearchRequest request_of(const Side& side, const EntryReader& reader, db::Side which) {
  ldap::SearchRequest request;
  request.base = side.base.text();
  request.filter = side.record.filter;
  request.attributes = reader.attributes(which);
  return request;
}

}  // namespace

Task<SideRead> read_images(Context& context, Side& side, const EntryReader& reader, db::Side which,
                           base::LinkId link) {
  Images sink(context.pool, reader, which, link);
  co_await sink.open();
  auto out = co_await read(side, request_of(side, reader, which), sink);
  co_await sink.close();
  out.entries = sink.entries();
  out.changed = sink.changed();
  co_return out;
}

Task<SideRead> read_members(Context& context, Side& side, const EntryReader& reader, base::RunId run,
                            std::string filter) {
  Members sink(context.pool, reader, run);
  auto request = request_of(side, reader, db::Side::source);
  request.filter = "(&" + side.record.filter + filter + ")";
  co_return co_await read(side, std::move(request), sink);
}

}  // namespace mirror::directory
