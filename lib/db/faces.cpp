// SPDX-License-Identifier: Apache-2.0
#include "db/faces.hpp"

#include <charconv>

#include "db/faces_detail.hpp"

namespace mirror::db {

namespace {

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (static_cast<unsigned char>(c) & 0x80);
}

void add_literal(std::string& out, char c) {
  if (!is_word(c)) out += '\\';
  out += c;
}

// PostgreSQL refuses one that runs backwards; of other characters than ASCII nobody here knows their order.
bool is_range(char from, char to) {
  return ((from | to) & 0x80) == 0 && from <= to;
}

}  // namespace

std::string mask_to_regex(std::string_view mask) {
  std::string out = "^";
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const char c = mask[i];
    if (c == '*') {
      // A run of them says no more than one.
      if (i == 0 || mask[i - 1] != '*') out += ".*";
    } else if (c == '?') {
      out += '.';
    } else if (c == '[') {
      // "]" closes unless it is the first member; an unclosed bracket is itself.
      std::size_t first = i + 1;
      const bool negated = first < mask.size() && (mask[first] == '!' || mask[first] == '^');
      if (negated) ++first;
      const std::size_t close = mask.find(']', first + 1);
      if (first >= mask.size() || close == std::string_view::npos) {
        add_literal(out, c);
        continue;
      }
      out += negated ? "[^" : "[";
      std::size_t begin = first;  // of what is no end of a range
      for (std::size_t k = first; k < close; ++k) {
        if (mask[k] == '-' && k > begin && k + 1 < close && is_range(mask[k - 1], mask[k + 1])) {
          out += '-';
          add_literal(out, mask[++k]);
          begin = k + 1;
        } else {
          add_literal(out, mask[k]);
        }
      }
      out += ']';
      i = close;
    } else {
      add_literal(out, c);
    }
  }
  return out + "$";
}

std::string with_times(std::string_view sql) {
  std::string out;
  bool inside = false;
  for (const char c : sql) {
    if (c != '@') {
      out += c;
      continue;
    }
    out += inside ? ", 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')" : "to_char(";
    inside = !inside;
  }
  return out;
}

void wake(Transaction& tx, const char* what) {
  tx.exec_params("select pg_notify('mirrord_wake', $1)", what);
}

void compare_soon(Transaction& tx, const std::vector<std::int64_t>& mailboxes, const char* cause) {
  ArrayText text;
  for (const auto id : mailboxes) text.add(id);
  const std::string ids = text.done();
  tx.exec_params(
      "insert into dirty (mailbox_id, generation, cause, class, full_compare) "
      "select m.id, nextval('dirty_generation'), $2, 0, true from mailbox m where m.id = any($1::bigint[]) "
      "and m.participates "
      "on conflict (mailbox_id) do update set generation = excluded.generation, class = 0, full_compare = "
      "true, last_seen = now(), due_at = least(dirty.due_at, now())",
      ids, cause);
  tx.exec_params("update retry set due_at = now() where mailbox_id = any($1::bigint[])", ids);
  wake(tx, "dirty");
}

void audit(Transaction& tx, const Actor& actor, const std::string& action, const std::string& object,
           const Json& detail, const std::string& reason) {
  tx.exec_params(
      "insert into audit (actor, action, object, detail, reason) "
      "values ($1, $2, $3, $4::jsonb || jsonb_build_object('request_id', $6::text), $5)",
      clean_text(actor.who), action, clean_text(object), detail, clean_text(reason),
      clean_text(actor.request_id));
}

void event(Transaction& tx, const std::string& type, const std::string& mailbox, const Actor& actor,
           const Json& data) {
  tx.exec_params("select add_event($1, 'info', '', $2, null, $3, $4::jsonb)", type, clean_text(mailbox),
                 clean_text(actor.who), data);
}

std::int64_t store_id(Transaction& tx, const std::string& name) {
  const auto rows = tx.exec_params("select id from store where name = $1", clean_text(name));
  if (rows.empty()) throw Refused(Refused::Why::not_found, fmt::format("no store is named \"{}\"", name));
  return rows[0][0].as<std::int64_t>();
}

std::int64_t link_id(Transaction& tx, const std::string& name) {
  const auto rows = tx.exec_params("select id from link where name = $1", clean_text(name));
  if (rows.empty()) throw Refused(Refused::Why::not_found, fmt::format("no link is named \"{}\"", name));
  return rows[0][0].as<std::int64_t>();
}

std::int64_t link_id_or_only(Transaction& tx, const std::string& name) {
  if (!name.empty()) return link_id(tx, name);
  const auto rows = tx.exec("select id from link order by id limit 2");
  if (rows.empty()) throw Refused(Refused::Why::not_found, "there is no link yet");
  if (rows.size() > 1) throw Refused(Refused::Why::invalid, "there are several links: name one");
  return rows[0][0].as<std::int64_t>();
}

std::int64_t mailbox_id(Transaction& tx, const std::string& link, const std::string& name) {
  const auto rows = tx.exec_params(
      "select m.id from mailbox m join link l on l.id = m.link_id where m.name = $1 and ($2 = '' or l.name = "
      "$2) limit 2",
      clean_text(name), clean_text(link));
  if (rows.empty()) throw Refused(Refused::Why::not_found, fmt::format("no mailbox is named \"{}\"", name));
  if (rows.size() > 1)
    throw Refused(Refused::Why::invalid,
                  fmt::format("several links have a mailbox \"{}\": name the link", name));
  return rows[0][0].as<std::int64_t>();
}

std::int64_t parse_id(const std::string& id, const char* what) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc{} || end != id.data() + id.size())
    throw Refused(Refused::Why::not_found, fmt::format("no {} has the id \"{}\"", what, id));
  return number;
}

}  // namespace mirror::db
