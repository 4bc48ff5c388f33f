// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <functional>
#include <thread>

#include "base/log_detail.hpp"

using namespace mirror::base::log;

namespace {

std::string captured(const std::function<void()>& work) {
  std::FILE* const file = std::tmpfile();
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(::fileno(file), STDERR_FILENO);
  work();
  flush();
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  std::string out(static_cast<std::size_t>(std::ftell(file) >= 0 ? ::lseek(::fileno(file), 0, SEEK_END) : 0),
                  '\0');
  const auto got = ::pread(::fileno(file), out.data(), out.size(), 0);
  CHECK(got == static_cast<ssize_t>(out.size()));
  std::fclose(file);
  return out;
}

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

const std::vector<Field> k_fields{{"store", "prod"},
                                  {"detail", "a \"b\"\r\n* OK \x1b[31m \xff \xC2\x9B \xC3\xA9"}};
const Line k_line{Level::warning, "store.lost", "connection lost", k_fields, 1704067200123};

}  // namespace

TEST_CASE("a text line carries time, level, event, message and fields and cannot be forged") {
  CHECK(text_line(k_line) ==
        "2024-01-01T00:00:00.123Z warning store.lost connection lost store=prod "
        "detail=\"a \\\"b\\\"\\r\\n* OK \\x1b[31m \\xff \\x9b \xC3\xA9\"");
}

TEST_CASE("a JSON line is JSON whatever the octets") {
  CHECK(
      json_line(k_line) ==
      "{\"time\":\"2024-01-01T00:00:00.123Z\",\"level\":\"warning\",\"event\":\"store.lost\",\"message\":"
      "\"connection "
      "lost\",\"store\":\"prod\",\"detail\":\"a \\\"b\\\"\\r\\n* OK \\u001b[31m \\ufffd \\u009b \xC3\xA9\"}");
}

TEST_CASE("octets that are no UTF-8 never reach a line") {
  const auto escaped = [](std::string value) {
    const std::vector<Field> fields{{"v", std::move(value)}};
    const auto line = text_line(Line{Level::info, "e", "m", fields, 0});
    return line.substr(line.find("v=") + 2);
  };
  CHECK(escaped("\xC0\x80") == "\"\\xc0\\x80\"");
  CHECK(escaped("\xED\xA0\x80") == "\"\\xed\\xa0\\x80\"");
  CHECK(escaped("\xF4\x90\x80\x80") == "\"\\xf4\\x90\\x80\\x80\"");
  CHECK(escaped("\xE2\x82") == "\"\\xe2\\x82\"");
  CHECK(escaped("\xF0\x9F\x93\xA7") == "\"\xF0\x9F\x93\xA7\"");
  CHECK(escaped("") == "\"\"");
  CHECK(escaped("plain") == "plain");
  CHECK(escaped("a=b") == "\"a=b\"");
}

TEST_CASE("journal fields are named and escaped") {
  const std::vector<Field> fields{{"code", "MRD-NET-003"}, {"octets-in", "5"}, {"note", "a\nPRIORITY=0"}};
  const auto out = journal_fields(Line{Level::error, "store.lost", "lost", fields, 0});
  CHECK(out == std::vector<std::string>{"MESSAGE=lost code=MRD-NET-003 octets-in=5 note=\"a\\nPRIORITY=0\"",
                                        "PRIORITY=3", "SYSLOG_IDENTIFIER=mirrord", "MIRRORD_EVENT=store.lost",
                                        "MIRRORD_CODE=MRD-NET-003", "MIRRORD_OCTETS_IN=5",
                                        "MIRRORD_NOTE=a\\nPRIORITY=0"});
}

TEST_CASE("lines below the lowest level are left out") {
  const auto out = captured([] {
    configure(Level::warning, Format::text);
    debug("a", "not this");
    info("b", "nor this");
    warning("c", "but this");
  });
  CHECK(lines_of(out) == 1);
  CHECK(out.find(" warning c but this\n") != std::string::npos);
}

TEST_CASE("an identical error is counted, another one is written") {
  const auto out = captured([] {
    configure(Level::info, Format::text);
    for (int i = 0; i < 5; ++i) {
      error("store.lost", "lost", {{"store", "a"}});
      error("store.lost", "lost", {{"store", "b"}});
    }
    info("x", "every time");
    info("x", "every time");
  });
  CHECK(lines_of(out) == 6);
  CHECK(out.find("lost (repeated 4 times) store=a\n") != std::string::npos);
  CHECK(out.find("lost (repeated 4 times) store=b\n") != std::string::npos);
}

TEST_CASE("lines of several threads do not mix") {
  const auto out = captured([] {
    configure(Level::info, Format::json);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([] {
        for (int i = 0; i < 100; ++i) info("e", std::string(200, 'm'));
      });
    for (auto& thread : threads) thread.join();
    configure(Level::info, Format::text);
  });
  CHECK(lines_of(out) == 400);
  std::string_view rest = out;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    REQUIRE(end != std::string_view::npos);
    REQUIRE(rest.front() == '{');
    REQUIRE(rest[end - 1] == '}');
    REQUIRE(std::count(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(end), 'm') ==
            202);  // "time", "message"
    rest.remove_prefix(end + 1);
  }
}
