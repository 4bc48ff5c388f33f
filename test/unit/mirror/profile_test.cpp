// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "mirror/profile.hpp"

using namespace mirror;
using engine::load_profile;

namespace {

// One profile in a folder of its own.
struct Folder {
  explicit Folder(const std::string& text) {
    auto pattern = (std::filesystem::temp_directory_path() / "mm-profile-XXXXXX").string();
    path = mkdtemp(pattern.data());
    std::ofstream(path / "mine.toml") << text;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

std::string said_of(const std::string& text) {
  const Folder folder(text);
  const auto profile = load_profile(folder.path.string(), "mine");
  if (profile) return "";
  const base::Failure failure = profile.error();
  const std::string detail(failure.detail());
  return std::string(failure.code()) + detail.substr(detail.find("mine.toml") + 9);
}

}  // namespace

TEST_CASE("the rules for greetings are read", "[profile]") {
  const Folder folder(
      "[folders]\ngreetings = [\"G*\"]\ngreeting_headers = [\"X-A\", \"X-B: c d*\"]\n"
      "greeting_attachments = [\"greet*.wav\"]\n");
  const auto profile = load_profile(folder.path.string(), "mine");
  REQUIRE(profile.has_value());
  CHECK(profile->greeting_folders == std::vector<std::string>{"G*"});
  REQUIRE(profile->greeting_rule.headers.size() == 2);
  CHECK_FALSE(profile->greeting_rule.headers[0].mask.has_value());
  CHECK(profile->greeting_rule.headers[1].name == "X-B");
  CHECK(profile->greeting_rule.headers[1].mask == "c d*");
  CHECK(profile->greeting_rule.attachments == std::vector<std::string>{"greet*.wav"});
}

TEST_CASE("a profile without them asks for nothing", "[profile]") {
  const Folder folder("[folders]\ngreetings = [\"G*\"]\n");
  const auto profile = load_profile(folder.path.string(), "mine");
  REQUIRE(profile.has_value());
  CHECK(profile->greeting_rule.empty());
}

TEST_CASE("a rule that is none is said with its place", "[profile]") {
  CHECK(said_of("[folders]\ngreeting_headers = [\"X-A\", \"X B: c\"]\n") ==
        "MRD-CONF-003:2:20: \"X B: c\" is neither a header's name nor \"Name: mask\"");
  CHECK(said_of("[folders]\ngreeting_attachments = [\"\"]\n") ==
        "MRD-CONF-003:2:24: an empty mask matches no file name");
  CHECK(said_of("[folders]\ngreeting_header = []\n").find("did you mean \"greeting_headers\"?") !=
        std::string::npos);
}

TEST_CASE("what Asterisk writes tells its greetings from its messages", "[profile]") {
  const auto profile = load_profile(MIRROR_PROFILES, "asterisk");
  REQUIRE(profile.has_value());
  const auto& rule = profile->greeting_rule;
  CHECK(rule.header_names() == std::vector<std::string>{"X-Asterisk-VM-Message-Type"});
  for (const std::string name : {"unavail", "busy", "temp", "greet"})
    CHECK(plan::is_greeting(rule, "X-Asterisk-VM-Message-Type: " + name + "\r\n\r\n", {}));
  CHECK_FALSE(plan::is_greeting(rule, "X-Asterisk-VM-Message-Type: Message\r\n\r\n", {}));
}
