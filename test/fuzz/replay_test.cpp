// SPDX-License-Identifier: Apache-2.0
// A fuzz target as a test of the ordinary build: its corpus, then a fixed number of inputs made of it, the
// same in every run. scripts/fuzz looks further, led by coverage.
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int k_runs = 4000;
constexpr std::size_t k_longest = 4096;

std::vector<std::string> corpus() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(MIRROR_CORPUS)) {
    std::ifstream in(entry.path(), std::ios::binary);
    out.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  std::sort(out.begin(), out.end());  // a directory has no order
  return out;
}

class Mutator {
 public:
  explicit Mutator(std::vector<std::string> seeds) : seeds_(std::move(seeds)) {}

  std::string next() {
    std::string input = any_seed();
    for (std::size_t n = 1 + below(6); n > 0; --n) change(input);
    input.resize(std::min(input.size(), k_longest));
    return input;
  }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  const std::string& any_seed() { return seeds_[below(seeds_.size())]; }

  void change(std::string& input) {
    static constexpr char octets[] = "\0\r\n\"\\{}()[]*+-~&,:=<>#%\t 0129azAZ\x7f\x80\xc3\xff";
    static const std::string telling(octets, sizeof octets - 1);
    const std::size_t at = below(input.size() + 1);
    switch (below(6)) {
      case 0:  // one octet becomes another
        if (at < input.size()) input[at] = telling[below(telling.size())];
        break;
      case 1:  // one bit
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ static_cast<char>(1 << below(8)));
        break;
      case 2:  // one octet more
        input.insert(at, 1, telling[below(telling.size())]);
        break;
      case 3:  // a piece less
        input.erase(at, below(16));
        break;
      case 4:  // a piece of another
      {
        const std::string& other = any_seed();
        const std::size_t from = below(other.size() + 1);
        input.insert(at, other, from, below(64));
        break;
      }
      default:  // a piece again and again
        input.insert(at, input.substr(below(input.size() + 1), below(32)) + std::string(below(8), '('));
    }
  }

  std::vector<std::string> seeds_;
  std::mt19937 random_{20260101};
};

void run(const std::string& input) {
  // A copy of its own, so that the sanitizer sees a read past the end.
  const std::vector<std::uint8_t> data(input.begin(), input.end());
  LLVMFuzzerTestOneInput(data.data(), data.size());
}

}  // namespace

TEST_CASE(MIRROR_CORPUS_NAME " survives its corpus and what is made of it") {
  const auto seeds = corpus();
  REQUIRE(!seeds.empty());
  run("");
  for (const auto& seed : seeds) run(seed);
  Mutator mutator(seeds);
  for (int n = 0; n < k_runs; ++n) {
    INFO("input number " << n);
    run(mutator.next());
  }
  SUCCEED();
}
