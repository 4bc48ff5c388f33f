// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/message_facts.hpp"

using namespace mirror::base;

TEST_CASE("flags are one canonical set, compared without case") {
  const FlagSet flags({"\\SEEN", "$Forwarded", "\\recent", "\\answered", "$forwarded", ""});
  CHECK(flags.text() == "$Forwarded \\Answered \\Seen");
  CHECK(flags == FlagSet::parse("(\\Seen \\Answered $FORWARDED)"));
  CHECK(FlagSet::parse(flags.text()) == flags);
  CHECK(flags.contains("$fORWARDED"));
  CHECK_FALSE(flags.contains("\\Recent"));
  CHECK_FALSE(flags.contains("$Forward"));
}

TEST_CASE("flags are added, removed and ordered") {
  FlagSet flags;
  CHECK(flags.empty());
  CHECK(flags == FlagSet::parse("()"));
  flags.add("b");
  flags.add("A");
  flags.add("B");
  CHECK(flags.text() == "A b");
  flags.remove("a");
  CHECK(flags.text() == "b");
  CHECK(FlagSet({"a"}) < flags);
  CHECK_FALSE(flags < FlagSet({"B"}));
  CHECK(FlagSet({"b"}) < FlagSet({"b", "c"}));
}

TEST_CASE("keywords beyond ASCII order by octet") {
  const FlagSet flags({"\xC3\xA9", "z"});
  CHECK(flags.contains("\xC3\xA9"));
  CHECK(flags.text() == "z \xC3\xA9");
}

TEST_CASE("an internal date reads and writes itself") {
  struct Row {
    const char* text;
    std::int64_t seconds;
    int zone;
    const char* written;
  };
  const Row row = GENERATE(Row{" 1-Jan-1970 00:00:00 +0000", 0, 0, " 1-Jan-1970 00:00:00 +0000"},
                           Row{"1-Jan-1970 00:00:00 +0000", 0, 0, " 1-Jan-1970 00:00:00 +0000"},
                           Row{"01-jan-1970 01:30:00 +0130", 0, 90, " 1-Jan-1970 01:30:00 +0130"},
                           Row{"31-Dec-1969 19:00:00 -0500", 0, -300, "31-Dec-1969 19:00:00 -0500"},
                           Row{"29-FEB-2024 23:59:59 +0000", 1709251199, 0, "29-Feb-2024 23:59:59 +0000"},
                           Row{"31-Dec-2016 23:59:60 +0000", 1483228800, 0, " 1-Jan-2017 00:00:00 +0000"},
                           Row{"17-Jul-1996 02:44:25 -0700", 837596665, -420, "17-Jul-1996 02:44:25 -0700"},
                           Row{"31-Dec-9999 23:59:59 +0000", 253402300799, 0, "31-Dec-9999 23:59:59 +0000"});
  INFO(row.text);
  const auto date = InternalDate::parse(row.text);
  REQUIRE(date);
  CHECK(date->unix_seconds == row.seconds);
  CHECK(date->zone_minutes == row.zone);
  CHECK(date->text() == row.written);
  CHECK(date->text().size() == 26);
  CHECK(InternalDate::parse(date->text()) == date);
}

TEST_CASE("dates are equal when the instants are") {
  CHECK(*InternalDate::parse("01-Jan-2020 12:00:00 +0200") ==
        *InternalDate::parse("01-Jan-2020 10:00:00 +0000"));
  CHECK_FALSE(*InternalDate::parse("01-Jan-2020 12:00:00 +0200") ==
              *InternalDate::parse("01-Jan-2020 12:00:00 +0000"));
}

TEST_CASE("what is no date is refused") {
  const char* const text =
      GENERATE("", "NIL", "32-Jan-2020 00:00:00 +0000", "29-Feb-2023 00:00:00 +0000",
               "01-Jan-2020 24:00:00 +0000", "01-Jan-2020 00:60:00 +0000", "01-Jan-2020 00:00:61 +0000",
               "01-Jan-2020 00:00:00 0000", "01-Jan-2020 00:00:00 +0060", "01-Jan-2020 00:00:00",
               "01-Xyz-2020 00:00:00 +0000", "01-Jan-20 00:00:00 +0000", "01-Jan-2020 00:00:00 +0000 ",
               "  1-Jan-2020 00:00:00 +0000", "00-Jan-2020 00:00:00 +0000");
  INFO(text);
  CHECK_FALSE(InternalDate::parse(text));
}
