// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/images.hpp"

#include "ldap/extract.hpp"

namespace mirror::directory {

namespace {

constexpr std::size_t k_rows = 1000;  // of one COPY

// Rows are put down when enough have come; while PostgreSQL takes them, the server waits.
template <class Row>
class Shelf : public ldap::ExtractSink {
 public:
  Task<void> take(ldap::Entry entry) override {
    rows_.push_back(row_of(entry));
    if (rows_.size() >= k_rows) co_await flush();
  }
  void start_over() override {
    rows_.clear();
    void_ = written_;
  }
  Task<void> flush() {
    if (void_) co_await forget();
    void_ = false;
    if (rows_.empty()) co_return;
    written_ = true;
    co_await put(std::exchange(rows_, {}));
  }

 protected:
  virtual Row row_of(const ldap::Entry& entry) = 0;
  virtual Task<void> put(std::vector<Row> rows) = 0;
  virtual Task<void> forget() = 0;

 private:
  std::vector<Row> rows_;
  bool written_ = false, void_ = false;
};

class Images : public Shelf<db::ImageRow> {
 public:
  Images(db::Pool& pool, const EntryReader& reader, db::Side side, base::RunId run)
      : pool_(pool), reader_(reader), side_(side), run_(run) {}

 protected:
  db::ImageRow row_of(const ldap::Entry& entry) override { return reader_.image(side_, entry); }
  Task<void> put(std::vector<db::ImageRow> rows) override {
    return db::copy_images(pool_, run_, side_, std::move(rows));
  }
  Task<void> forget() override { return db::void_images(pool_, run_, side_); }

 private:
  db::Pool& pool_;
  const EntryReader& reader_;
  db::Side side_;
  base::RunId run_;
};

class Members : public Shelf<db::MemberRow> {
 public:
  Members(db::Pool& pool, const EntryReader& reader, base::RunId run)
      : pool_(pool), reader_(reader), run_(run) {}

 protected:
  db::MemberRow row_of(const ldap::Entry& entry) override {
    auto image = reader_.image(db::Side::source, entry);
    return {std::move(image.uuid), std::move(image.mailbox)};
  }
  Task<void> put(std::vector<db::MemberRow> rows) override {
    return db::copy_members(pool_, run_, std::move(rows));
  }
  Task<void> forget() override { return db::void_members(pool_, run_); }

 private:
  db::Pool& pool_;
  const EntryReader& reader_;
  base::RunId run_;
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
                           base::RunId run) {
  Images sink(context.pool, reader, which, run);
  co_return co_await read(side, request_of(side, reader, which), sink);
}

Task<SideRead> read_members(Context& context, Side& side, const EntryReader& reader, base::RunId run,
                            std::string filter) {
  Members sink(context.pool, reader, run);
  auto request = request_of(side, reader, db::Side::source);
  request.filter = "(&" + side.record.filter + filter + ")";
  co_return co_await read(side, std::move(request), sink);
}

}  // namespace mirror::directory
