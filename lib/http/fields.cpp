// SPDX-License-Identifier: Apache-2.0
#include "http/fields.hpp"

#include <fmt/format.h>

#include "base/settings.hpp"

namespace mirror::http {

namespace json = boost::json;

namespace {

using Kind = Field::Kind;

Field text(std::string name, json::value fallback, std::int64_t longest = 1024) {
  Field field;
  field.name = std::move(name);
  field.fallback = std::move(fallback);
  field.highest = longest;
  return field;
}

Field integer(std::string name, json::value fallback, std::int64_t lowest, std::int64_t highest) {
  Field field = text(std::move(name), std::move(fallback), highest);
  field.kind = Kind::integer;
  field.lowest = lowest;
  return field;
}

Field boolean(std::string name, bool fallback) {
  Field field = text(std::move(name), fallback);
  field.kind = Kind::boolean;
  return field;
}

Field choice(std::string name, std::vector<std::string> words, json::value fallback) {
  Field field = text(std::move(name), std::move(fallback));
  field.kind = Kind::choice;
  field.words = std::move(words);
  return field;
}

Field texts(std::string name, json::array fallback) {
  Field field = text(std::move(name), std::move(fallback));
  field.kind = Kind::texts;
  return field;
}

Field about(const char* help, Field field) {
  field.help = help;
  return field;
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string wrong_word(const Field& field, const std::string& word) {
  if (std::find(field.words.begin(), field.words.end(), word) != field.words.end()) return "";
  const auto near = base::nearest(word, field.words);
  return "must be one of: " + join(field.words) + (near ? fmt::format("; did you mean \"{}\"?", *near) : "");
}

// How a server is reached: of a store and of its directory alike.
std::vector<Field> endpoint_fields() {
  std::vector<Field> out;
  out.push_back(about("name or address", text("host", nullptr, 253)));
  out.push_back(about("usually 993 or 143; of a directory 636 or 389", integer("port", nullptr, 1, 65535)));
  out.push_back(
      about("how the connection is secured", choice("tls", {"none", "implicit", "starttls"}, "implicit")));
  out.push_back(about("check the certificate; false only in a test", boolean("tls_verify", true)));
  out.push_back(
      about("the name in the certificate, where it is not the host", text("tls_server_name", "", 253)));
  out.push_back(
      about("the CA that signed the server, as PEM; else the system's", text("ca_pem", "", 262144)));
  out.push_back(about("SHA-256 of the server's certificate, in hex; it alone decides then",
                      text("pin_sha256", "", 128)));
  out.push_back(about("a client certificate, read by mirrord", text("certificate_file", "")));
  out.push_back(about("its key, read by mirrord", text("key_file", "")));
  return out;
}

}  // namespace

const std::vector<Field>& store_fields() {
  static const std::vector<Field> fields = [] {
    std::vector<Field> out = endpoint_fields();
    out.push_back(about("the kind of server", text("profile", "generic", 64)));
    out.push_back(about(
        "how the trusted login acts for the owner of a mailbox",
        choice("login_method", {"plain_authzid", "master_user", "own_password", "external", "scram_sha_256"},
               "plain_authzid")));
    out.push_back(about("the trusted login", text("login", "")));
    out.push_back(about("between owner and login, for master_user", text("master_separator", "*", 1)));
    out.push_back(
        about("a ceiling for each direction; 0 is none", integer("octets_per_second", 0, 0, INT64_MAX)));
    return out;
  }();
  return fields;
}

const std::vector<Field>& link_fields() {
  static const std::vector<Field> fields = [] {
    std::vector<Field> out;
    out.push_back(about("messages on DR that did not come from production",
                        choice("foreign_policy", {"keep", "remove"}, "keep")));
    out.push_back(about("masks of folders that are mirrored", texts("folder_include", json::array{"*"})));
    out.push_back(about("unless one of these matches", texts("folder_exclude", json::array{})));
    out.push_back(about("deletions of a mailbox in a day beyond which they are held",
                        integer("guard_count", 1000, 0, INT32_MAX)));
    out.push_back(about("or beyond this share of the mailbox", integer("guard_percent", 50, 0, 100)));
    out.push_back(about("or, all mailboxes together, of the link in an hour",
                        integer("guard_link_percent", 10, 0, 100)));
    out.push_back(about("seconds that every deletion waits", integer("deletion_delay", 0, 0, 31'536'000)));
    out.push_back(about("not empty: the link stands still", text("paused_reason", "")));
    return out;
  }();
  return fields;
}

const std::vector<Field>& directory_fields() {
  static const std::vector<Field> fields = [] {
    std::vector<Field> out = endpoint_fields();
    out.push_back(about("HOST:PORT, tried in turn when the first does not answer",
                        texts("other_addresses", json::array{})));
    out.push_back(about("DN and password, or the client certificate",
                        choice("bind_method", {"simple", "external"}, "simple")));
    out.push_back(about("who mirrord is there", text("bind_dn", "")));
    out.push_back(about("below it are the subscribers", text("base_dn", nullptr)));
    out.push_back(about("which entries are subscribers (RFC 4515)",
                        text("filter", "(objectClass=mmSubscriber)", 4096)));
    out.push_back(about("entries a page; 0: pages only where limits ask for them",
                        integer("page_size", 0, 0, 100'000)));
    out.push_back(about("send passwords without TLS; only in a test", boolean("plain_passwords", false)));
    return out;
  }();
  return fields;
}

const std::vector<Field>& directory_mirror_fields() {
  static const std::vector<Field> fields = [] {
    std::vector<Field> out;
    out.push_back(about("when both are compared, HH:MM",
                        texts("times", json::array{"02:00", "08:00", "14:00", "20:00"})));
    out.push_back(about("of these times", text("time_zone", "UTC", 64)));
    out.push_back(
        about("not 0: so often, instead of at these times", integer("interval_seconds", 0, 0, 31'536'000)));
    out.push_back(about("begin up to this much later", integer("jitter_seconds", 300, 0, 86'400)));
    out.push_back(about("what happens then", choice("scheduled", {"apply", "plan", "off"}, "apply")));
    out.push_back(about("of production: who is who where nothing better tells",
                        text("key_attribute", "MailboxNumber", 128)));
    out.push_back(about("names entries on DR; empty: production's", text("rdn_attribute", "", 128)));
    out.push_back(about("of entries that are added", texts("object_classes", json::array{"mmSubscriber"})));
    out.push_back(
        about("equal by the matching rule and written differently is a change", boolean("spelling", false)));
    out.push_back(about("what becomes of who is gone from production",
                        choice("deletions", {"keep", "disable", "delete"}, "disable")));
    out.push_back(
        about("seconds from disabling to deleting", integer("delete_after", 604'800, 0, 315'360'000)));
    out.push_back(about("entries on DR that did not come from production",
                        choice("foreign_entries", {"keep", "remove"}, "keep")));
    out.push_back(
        about("removals in one plan beyond which they are held", integer("guard_count", 50, 0, INT32_MAX)));
    out.push_back(about("or beyond this share of the entries", integer("guard_percent", 5, 0, 100)));
    out.push_back(
        about("or when a side shrank by more than this", integer("guard_shrink_percent", 10, 0, 100)));
    out.push_back(about("what the other changes of such a plan do",
                        choice("guarded_changes", {"go_on", "wait"}, "go_on")));
    out.push_back(about("whose mailboxes are mirrored; empty: the link's own list",
                        text("participation_filter", "", 4096)));
    out.push_back(about("holds the mailbox's name; empty: the key", text("mailbox_attribute", "", 128)));
    out.push_back(about("changes on their way to DR at once", integer("window_size", 64, 1, 128)));
    out.push_back(about("a ceiling; 0 is none", integer("operations_per_second", 0, 0, INT32_MAX)));
    return out;
  }();
  return fields;
}

const Field* find_field(std::span<const Field> fields, std::string_view name) {
  for (const Field& field : fields)
    if (field.name == name) return &field;
  return nullptr;
}

std::string check_value(const Field& field, const json::value& value) {
  switch (field.kind) {
    case Kind::text:
      if (!value.is_string()) return "must be a text";
      if (value.get_string().size() > static_cast<std::size_t>(field.highest))
        return fmt::format("must be at most {} octets long", field.highest);
      if (value.get_string().find('\0') != json::string::npos) return "must not hold a NUL";
      if (field.fallback.is_null() && value.get_string().empty()) return "must not be empty";
      return "";
    case Kind::integer:
      if (!value.is_int64()) return "must be a whole number";
      if (value.get_int64() < field.lowest || value.get_int64() > field.highest)
        return fmt::format("must be from {} to {}", field.lowest, field.highest);
      return "";
    case Kind::boolean:
      return value.is_bool() ? "" : "must be true or false";
    case Kind::choice:
      if (!value.is_string()) return "must be one of: " + join(field.words);
      return wrong_word(field, std::string(value.get_string()));
    case Kind::texts:
      if (!value.is_array()) return "must be a list of texts";
      for (const auto& item : value.get_array()) {
        if (!item.is_string()) return "must be a list of texts";
        if (item.get_string().find('\0') != json::string::npos) return "must not hold a NUL";
        if (field.words.empty()) continue;
        if (std::string wrong = wrong_word(field, std::string(item.get_string())); !wrong.empty())
          return wrong;
      }
      return "";
  }
  return "";
}

std::vector<FieldError> check_object(const json::object& object, std::span<const Field> fields,
                                     bool creating) {
  std::vector<FieldError> errors;
  std::vector<std::string> names;
  for (const Field& field : fields) names.push_back(field.name);
  for (const auto& [key, value] : object) {
    const std::string name(key);
    const Field* field = find_field(fields, name);
    if (field == nullptr) {
      const auto near = base::nearest(name, names);
      errors.push_back(
          {"/" + name, "is not a known field" + (near ? fmt::format("; did you mean \"{}\"?", *near) : "")});
    } else if (std::string wrong = check_value(*field, value); !wrong.empty()) {
      errors.push_back({"/" + name, std::move(wrong)});
    }
  }
  if (creating)
    for (const Field& field : fields)
      if (field.fallback.is_null() && !object.contains(field.name))
        errors.push_back({"/" + field.name, "is missing"});
  return errors;
}

json::object parse_object(const std::string& body) {
  json::parse_options options;
  options.max_depth = 16;
  json::error_code error;
  json::value value = json::parse(body, error, {}, options);
  if (error) throw Problem(400, "MRD-HTTP-001", "the body is not JSON: " + error.message());
  if (!value.is_object()) throw Problem(400, "MRD-HTTP-001", "the body must be a JSON object");
  return std::move(value.get_object());
}

json::object read_fields(const std::string& body, std::span<const Field> fields, bool creating) {
  json::object object = parse_object(body);
  auto errors = check_object(object, fields, creating);
  if (!errors.empty()) {
    std::string detail = errors[0].pointer.substr(1) + " " + errors[0].detail;
    throw Problem(422, "MRD-HTTP-001", detail, std::move(errors));
  }
  return object;
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  for (const char c : text)
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
          c == '_' || c == '-'))
      return false;
  return true;
}

}  // namespace mirror::http
