// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "mirror/plan/directory_plan.hpp"

using namespace mirror::plan;

namespace {

DirectoryMap subscribers() {
  DirectoryMap map;
  map.fields = subscriber_fields();
  map.key_attribute = "MailboxNumber";
  map.object_classes = {"mmSubscriber"};
  return map;
}

DirectoryField with(std::vector<const char*> transforms, std::string fallback = {}) {
  DirectoryField field;
  field.source = field.target = "x";
  for (const char* text : transforms) field.transforms.push_back(parse_transform(text).value());
  field.fallback = std::move(fallback);
  return field;
}

using Values = std::vector<std::string>;

// An entry with these values by the number of the field; equal by the rule when equal in lower case.
EntryView entry(const DirectoryMap& map, std::vector<std::pair<std::size_t, Values>> values) {
  EntryView out;
  out.fields.resize(map.fields.size());
  for (auto& [field, list] : values) {
    for (auto value : list) {
      for (char& c : value) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      out.fields[field].canonical.push_back(value);
    }
    out.fields[field].values = std::move(list);
  }
  return out;
}

std::vector<std::size_t> changed(const EntryChanges& changes) {
  std::vector<std::size_t> out;
  for (const auto& change : changes.fields) out.push_back(change.field);
  return out;
}

constexpr std::size_t k_number = 0, k_password = 1, k_community = 4, k_class = 5, k_sn = 8, k_address = 11,
                      k_misc1 = 12;

std::vector<std::pair<std::size_t, Values>> complete() {
  return {{k_number, {"1001"}}, {k_password, {"4711"}}, {k_community, {"1"}},
          {k_class, {"1"}},     {k_sn, {"Smith"}},      {k_address, {"1001"}}};
}

}  // namespace

TEST_CASE("the subscriber's map is a map, with five fields besides the key that an entry needs") {
  const auto map = subscribers();
  CHECK(check_map(map).empty());
  CHECK(map.fields.size() == 16);
  int required = 0;
  for (const auto& field : map.fields) required += field.required;
  CHECK(required == 6);
  CHECK(map.key_field() == &map.fields[0]);
}

TEST_CASE("a map that cannot work is told in words") {
  auto map = subscribers();
  map.fields[8].target = "CN";
  CHECK(check_map(map) == "two fields write CN");
  map = subscribers();
  map.key_attribute = "uid";
  CHECK(check_map(map) == "no field maps the key attribute uid");
  map = subscribers();
  map.fields[3].target = "a b";
  CHECK(check_map(map).find("no name of an attribute on DR") != std::string::npos);
  map = subscribers();
  map.fields[15].source.clear();
  CHECK(check_map(map).find("neither an attribute of production nor a constant") != std::string::npos);
  map = subscribers();
  map.fields[0].constant = {"1"};
  CHECK(check_map(map).find("never a constant") != std::string::npos);
  map = subscribers();
  map.object_classes.clear();
  CHECK(check_map(map).find("object class") != std::string::npos);
  map = subscribers();
  map.rdn_attribute = "uid";
  CHECK(check_map(map).find("no field gives the names on DR their uid") != std::string::npos);
}

TEST_CASE("a password is nobody's but production's") {
  auto map = subscribers();
  map.fields[k_password].fallback = "0000";
  CHECK(check_map(map).find("no constant and no default") != std::string::npos);
  map.fields[k_password].fallback.clear();
  map.fields[k_password].constant = {"0000"};
  CHECK(check_map(map).find("no constant and no default") != std::string::npos);
  CHECK(usual_kind("PASSWORD") == FieldKind::password);
  CHECK(usual_kind("userPassword") == FieldKind::password);
  CHECK(usual_kind("umRecordedName") == FieldKind::binary);
  CHECK(usual_kind("sn") == FieldKind::text);
}

TEST_CASE("values go through transforms in their order") {
  CHECK(shape(with({"digits", "prefix:0"}), {"+1 (555) 7"}) == Values{"015557"});
  CHECK(shape(with({"strip_prefix:0", "strip_prefix:0"}), {"001", "01", "1"}) == Values{"1"});
  CHECK(shape(with({"trim", "upper"}), {"  zoe "}) == Values{"ZOE"});
  CHECK(shape(with({"digits"}), {"abc", "1"}) == Values{"1"});
  CHECK(shape(with({"digits"}, "0"), {"abc"}) == Values{"0"});
  CHECK(shape(with({}, "none"), {}) == Values{"none"});
  CHECK(shape(with({}), {"a", "a"}) == Values{"a", "a"});
  DirectoryField constant = with({"upper"}, "x");
  constant.constant = {"as it is"};
  CHECK(shape(constant, {"z"}) == Values{"as it is"});
  CHECK_FALSE(parse_transform("rot13"));
  CHECK_FALSE(parse_transform("prefix"));
  CHECK_FALSE(parse_transform("trim:x"));
}

TEST_CASE("what is new on production needs its required fields") {
  const auto map = subscribers();
  auto values = complete();
  CHECK(compare_entries(map, entry(map, values), nullptr, {}, {}).missing.empty());
  values.erase(values.begin() + 4);
  const auto changes = compare_entries(map, entry(map, values), nullptr, {}, {});
  CHECK(changes.missing == std::vector<std::size_t>{k_sn});
}

TEST_CASE("the order and the spelling of values say nothing") {
  auto map = subscribers();
  const auto source = entry(map, {{k_sn, {"Smith", "Smyth"}}, {k_number, {"1"}}});
  const auto target = entry(map, {{k_sn, {"smyth", "SMITH"}}, {k_number, {"1"}}});
  CHECK(compare_entries(map, source, &target, {}, {}).fields.empty());
  map.spelling = true;
  const auto changes = compare_entries(map, source, &target, {}, {});
  REQUIRE(changed(changes) == std::vector<std::size_t>{k_sn});
  CHECK(changes.fields[0].spelling);
  const auto ordered = entry(map, {{k_sn, {"Smyth", "Smith"}}, {k_number, {"1"}}});
  CHECK(compare_entries(map, source, &ordered, {}, {}).fields.empty());
}

TEST_CASE("a value too many, one too few and another one are changes") {
  const auto map = subscribers();
  const auto source = entry(map, {{k_sn, {"A", "B"}}, {k_misc1, {"x"}}});
  for (const Values& other :
       {Values{"A"}, Values{"A", "B", "C"}, Values{"A", "C"}, Values{"A", "A"}, Values{}}) {
    const auto target = entry(map, {{k_sn, other}, {k_misc1, {"x"}}});
    CHECK(changed(compare_entries(map, source, &target, {}, {})) == std::vector<std::size_t>{k_sn});
  }
}

TEST_CASE("what production did not touch since is drift") {
  const auto map = subscribers();
  const auto source = entry(map, {{k_sn, {"A"}}, {k_misc1, {"x"}}});
  const auto target = entry(map, {{k_sn, {"B"}}, {k_misc1, {"y"}}});
  std::vector<bool> unchanged(map.fields.size(), false);
  unchanged[k_sn] = true;
  const auto changes = compare_entries(map, source, &target, unchanged, {});
  REQUIRE(changes.fields.size() == 2);
  CHECK(changes.fields[0].drift);
  CHECK_FALSE(changes.fields[1].drift);
  CHECK_FALSE(changes.drift());
  unchanged[k_misc1] = true;
  CHECK(compare_entries(map, source, &target, unchanged, {}).drift());
}

TEST_CASE("the field that is in the name is renamed, never modified") {
  const auto map = subscribers();
  const auto source = entry(map, {{k_number, {"2"}}});
  const auto target = entry(map, {{k_number, {"1"}}});
  CHECK(compare_entries(map, source, &target, {}, k_number).fields.empty());
  CHECK(changed(compare_entries(map, source, &target, {}, {})) == std::vector<std::size_t>{k_number});
  // What DR has besides the name is taken away.
  const auto more = entry(map, {{k_number, {"2", "3"}}});
  CHECK(changed(compare_entries(map, source, &more, {}, k_number)) == std::vector<std::size_t>{k_number});
}

TEST_CASE("the guard holds what would take away too much") {
  DirectoryCounts counts{1000, 1000, 1000, 1000, 1000, 0};
  const DirectoryLimits limits{50, 5, 10};
  const auto held = [&] { return !judge_removals(counts, limits).empty(); };
  CHECK_FALSE(held());
  counts.removals = 50;
  CHECK_FALSE(held());
  counts.removals = 51;
  CHECK(held());
  counts.removals = 20;
  counts.pairs = 399;  // 20 are more than 5 %
  CHECK(held());
  counts.pairs = 400;
  CHECK_FALSE(held());
  counts.source_entries = 899;
  CHECK(held());
  counts.source_entries = 900;
  CHECK_FALSE(held());
  counts.target_entries = 899;
  CHECK(held());
  counts.target_entries = 1000;
  counts.last_source_entries = 0;  // the first reading has nothing to be compared with
  CHECK_FALSE(held());
}

TEST_CASE("a handful of removals is judged by nothing but an empty directory and the count") {
  DirectoryCounts counts{3, 10, 10, 10, 10, 5};
  CHECK(judge_removals(counts, {50, 5, 10}).empty());
  counts.removals = 6;
  CHECK_FALSE(judge_removals(counts, {50, 5, 10}).empty());
  counts.removals = 1;
  CHECK_FALSE(judge_removals(counts, {0, 5, 10}).empty());
  counts.source_entries = 0;
  CHECK_FALSE(judge_removals(counts, {1000, 100, 100}).empty());
  counts.source_entries = 9;
  counts.target_entries = 0;
  CHECK_FALSE(judge_removals(counts, {1000, 100, 100}).empty());
}
