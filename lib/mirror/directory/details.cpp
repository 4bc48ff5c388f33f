// SPDX-License-Identifier: Apache-2.0
#include "mirror/directory/details.hpp"

#include <boost/json.hpp>

#include "mirror/directory/value_text.hpp"
#include "mirror/directory/window.hpp"

namespace mirror::directory {

namespace {

constexpr std::size_t k_batch = 256;

std::string missing_words(const EntryReader& reader, const plan::EntryChanges& changes) {
  std::string out;
  for (const auto i : changes.missing) out += (out.empty() ? "" : ", ") + reader.map().fields[i].name;
  return "production has no " + out;
}

class Details {
 public:
  Details(const base::Clock& clock, Side& source, Side& target, const EntryReader& reader,
          std::vector<db::ChangeRow> rows)
      : clock_(clock),
        source_(source),
        target_(target),
        reader_(reader),
        rows_(std::move(rows)),
        out_(rows_.size()) {}

  std::size_t size() const { return rows_.size(); }
  std::vector<db::ChangeDetail> take() { return std::move(out_); }

  Task<void> operator()(std::size_t i) {
    const auto& row = rows_[i];
    auto& out = out_[i];
    out.id = row.id;
    out.state = "planned";
    out.attributes = "[]";
    out.drift = row.drift;
    if (row.kind == "rename") co_return;
    if (row.kind == "disable" || row.kind == "delete")
      co_await removal(row, out);
    else
      co_await change(row, out);
  }

 private:
  // What leaves DR: everything, or the passwords alone.
  Task<void> removal(const db::ChangeRow& row, db::ChangeDetail& out) {
    const auto entry = co_await look_up(target_, reader_, db::Side::target, row.target_dn, row.target_uuid);
    if (!entry) {
      out.state = "unneeded";
      co_return;
    }
    const auto before = reader_.view(db::Side::target, *entry);
    plan::EntryChanges all;
    for (std::size_t i = 0; i < before.fields.size(); ++i) {
      const bool password = reader_.map().fields[i].kind == plan::FieldKind::password;
      if (!before.fields[i].values.empty() && (row.kind == "delete" || password))
        all.fields.push_back({i, false, false});
    }
    out.attributes = boost::json::serialize(changes_text(reader_, all, &before, nullptr));
  }

  Task<void> change(const db::ChangeRow& row, db::ChangeDetail& out) {
    const auto read_at = clock_.now();
    auto from = co_await look_up(source_, reader_, db::Side::source, row.source_dn, row.source_uuid);
    const bool whole = !from || EntryReader::is_whole(*from);
    const auto name = from && whole ? reader_.target_name(*from) : std::nullopt;
    if (!from || !name) {
      out.state = from ? "refused" : "unneeded";
      if (from) out.code = whole ? "MRD-DIR-008" : "MRD-DIR-004";
      co_return;
    }
    const auto after = reader_.view(db::Side::source, *from);
    std::optional<plan::EntryView> before;
    if (row.kind == "modify") {
      const auto entry = co_await look_up(target_, reader_, db::Side::target, row.target_dn, row.target_uuid);
      if (entry) before = reader_.view(db::Side::target, *entry);
      if (!entry) out.state = "unneeded";
      if (!entry) co_return;
    }
    auto changes =
        plan::compare_entries(reader_.map(), after, before ? &*before : nullptr,
                              EntryReader::unchanged(reader_.hashes(after, *name), row.known_fields),
                              before ? reader_.named_field(*name, after) : std::nullopt);
    if (!changes.missing.empty()) {
      out.code = "MRD-DIR-003";
      out.detail = missing_words(reader_, changes);
      if (!before) out.state = "waiting";
      if (before) plan::keep_required(reader_.map(), changes);
      if (before && changes.fields.empty()) out.state = "waiting";
    }
    if (before && changes.fields.empty() && changes.missing.empty()) out.state = "unneeded";
    out.drift = row.drift || (before && changes.drift());
    out.attributes =
        boost::json::serialize(changes_text(reader_, changes, before ? &*before : nullptr, &after));
    if (out.state == "planned") source_.recent.keep(row.source_uuid, std::move(*from), read_at);
  }

  const base::Clock& clock_;
  Side& source_;
  Side& target_;
  const EntryReader& reader_;
  std::vector<db::ChangeRow> rows_;
  std::vector<db::ChangeDetail> out_;
};

}  // namespace

Task<void> fill_details(Context& context, Side& source, Side& target, const EntryReader& reader,
                        db::PlanId plan, std::size_t window) {
  for (;;) {
    Details details(context.clock, source, target, reader,
                    co_await db::found_changes(context.pool, plan, k_batch));
    if (details.size() == 0) co_return;
    co_await for_each_at_once(details.size(), window, details);
    co_await db::save_details(context.pool, details.take());
  }
}

}  // namespace mirror::directory
