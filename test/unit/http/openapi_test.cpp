// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <fstream>
#include <set>

#include "http/api.hpp"

using namespace mirror;

namespace {

// "  /path:" and below it "    get:": the two levels of the document that name routes.
std::set<std::string> documented_routes() {
  std::ifstream in(MIRROR_OPENAPI);
  REQUIRE(in.is_open());
  static const std::map<std::string, std::string> k_methods{
      {"get", "GET"}, {"put", "PUT"}, {"post", "POST"}, {"patch", "PATCH"}, {"delete", "DELETE"}};
  std::set<std::string> routes;
  std::string line, path;
  while (std::getline(in, line)) {
    if (line.rfind("components:", 0) == 0) break;
    if (line.rfind("  /", 0) == 0) path = line.substr(2, line.size() - 3);
    if (line.rfind("    ", 0) != 0 || line.size() < 6 || line.back() != ':') continue;
    const auto method = k_methods.find(line.substr(4, line.size() - 5));
    if (method != k_methods.end()) routes.insert(method->second + " " + path);
  }
  return routes;
}

}  // namespace

TEST_CASE("the API's document and its router name the same routes") {
  const auto router = http::make_router();
  std::set<std::string> served;
  for (const auto& route : router.routes()) CHECK(served.insert(route.method + " " + route.pattern).second);
  CHECK(served.size() > 40);
  CHECK(documented_routes() == served);
}
