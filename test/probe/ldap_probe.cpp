// SPDX-License-Identifier: Apache-2.0
// lib/ldap from the command line, so that the system tests and the bench can point it at real servers.
// Answers with lines of JSON. Exit 0; 1 with a line {"failed": CODE, "detail": ...} when the conversation
// ended in its middle.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <fstream>
#include <iostream>

#include "base/digest.hpp"
#include "ldap/extract.hpp"
#include "net/task_group.hpp"

namespace {

using namespace mirror;
using net::Task;
namespace json = boost::json;

struct Options {
  std::vector<std::string> addresses;
  std::string tls = "implicit", ca, dn, password_file, base, filter = "(objectClass=*)",
              attribute = "description";
  std::vector<std::string> attributes;
  int page = 0, window = 1, count = 0;
  double silence = 20.0;
  bool quiet = false, external = false;
};

std::string hex(const base::Digest& digest) {
  std::string out;
  for (const auto octet : digest) out += fmt::format("{:02x}", octet);
  return out;
}

struct Printer : ldap::ExtractSink {
  explicit Printer(bool silent) : quiet(silent) {}
  bool quiet;
  std::vector<std::string> names;
  json::array lines;
  void start_over() override { lines.clear(); }
  Task<void> take(ldap::Entry entry) override {
    if (names.size() < 100'000) names.push_back(entry.dn);
    if (quiet) co_return;
    json::object values;
    for (const auto& attribute : entry.attributes) {
      json::array list;
      for (const auto& value : attribute.values) list.emplace_back(hex(base::sha256(value)));
      values[attribute.name] = std::move(list);
    }
    lines.push_back({{"dn", entry.dn}, {"values", std::move(values)}});
  }
};

ldap::SearchRequest request_of(const Options& options) {
  ldap::SearchRequest request;
  request.base = options.base;
  request.filter = options.filter;
  request.attributes = options.attributes;
  return request;
}

Task<json::object> extract(ldap::Connection& connection, const Options& options) {
  Printer printer(options.quiet);
  const auto end = co_await ldap::extract(connection, request_of(options), options.page, printer);
  for (const auto& line : printer.lines) std::cout << json::serialize(line) << "\n";
  co_return json::object{{"complete", end.complete},
                         {"entries", end.entries},
                         {"pages", end.pages},
                         {"code", static_cast<int>(end.outcome.code)},
                         {"why", end.why}};
}

// One of the window: takes the next name until there is none.
Task<void> modify_some(ldap::Connection& connection, const std::vector<std::string>& names,
                       std::string attribute, std::size_t& next, std::size_t most, json::object& codes) {
  while (next < most) {
    const auto number = next++;
    const ldap::Modification change{
        ldap::Modification::Kind::replace, attribute, {"changed " + std::to_string(number)}};
    const auto outcome = co_await connection.modify(names[number % names.size()], {change});
    auto& count = codes[std::to_string(static_cast<int>(outcome.code))];
    count = count.is_null() ? 1 : count.as_int64() + 1;
  }
}

Task<json::object> modify(ldap::Connection& connection, const Options& options) {
  Printer found(true);
  auto request = request_of(options);
  request.attributes = {"1.1"};
  co_await ldap::extract(connection, request, options.page, found);
  json::object codes;
  std::size_t next = 0;
  const auto begin = std::chrono::steady_clock::now();
  net::TaskGroup group(co_await net::asio::this_coro::executor);
  for (int i = 0; i < options.window && !found.names.empty(); ++i)
    group.spawn("modify", modify_some(connection, found.names, options.attribute, next,
                                      static_cast<std::size_t>(options.count), codes));
  co_await group.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  co_return json::object{{"codes", std::move(codes)}, {"seconds", took.count()}};
}

Task<void> talk(ldap::Access access, const Options& options, bool changes) {
  const auto connection = co_await ldap::Connection::open(std::move(access));
  auto last = changes ? co_await modify(*connection, options) : co_await extract(*connection, options);
  last["tls"] = connection->peer().protocol;
  std::cout << json::serialize(last) << "\n";
  co_await connection->farewell();
}

ldap::Access access_of(const Options& options) {
  ldap::Access access;
  access.store = "probe";
  access.dn = options.dn;
  access.bind = options.external     ? ldap::Bind::external
                : options.dn.empty() ? ldap::Bind::anonymous
                                     : ldap::Bind::simple;
  if (!options.password_file.empty()) {
    std::string password;
    std::ifstream file(options.password_file);
    std::getline(file, password);
    access.password = base::SecretText(password);
  }
  access.silence_limit = std::chrono::milliseconds(static_cast<int>(options.silence * 1000));
  access.connect_limit = std::min(access.connect_limit, access.silence_limit);
  for (const auto& address : options.addresses) {
    net::Endpoint endpoint;
    const auto colon = address.rfind(':');
    endpoint.host = address.substr(0, colon);
    endpoint.port = static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1)));
    endpoint.tls = options.tls == "none"       ? net::TlsMode::none
                   : options.tls == "starttls" ? net::TlsMode::starttls
                                               : net::TlsMode::implicit;
    endpoint.tls_settings.ca_file = options.ca;
    access.endpoints.push_back(std::move(endpoint));
  }
  return access;
}

int run(const Options& options, bool changes) {
  net::asio::io_context loop(1);
  int code = 0;
  net::asio::co_spawn(loop, talk(access_of(options), options, changes), [&](const std::exception_ptr& error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const base::Failed& failed) {
      code = 1;
      std::cout << json::serialize(json::object{{"failed", failed.failure().code()},
                                                {"detail", failed.failure().detail()}})
                << "\n";
    }
  });
  loop.run();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("lib/ldap from the command line");
  app.add_option("--address", options.addresses, "HOST:PORT, several are tried in turn")->required();
  app.add_option("--tls", options.tls)->check(CLI::IsMember({"implicit", "starttls", "none"}));
  app.add_option("--ca", options.ca);
  app.add_option("--dn", options.dn);
  app.add_option("--password-file", options.password_file);
  app.add_option("--silence", options.silence, "seconds");
  app.add_option("--base", options.base)->required();
  app.add_option("--filter", options.filter);
  app.add_option("--page", options.page);
  app.add_flag("--external", options.external);
  app.require_subcommand(1);
  auto* extract =
      app.add_subcommand("extract", "a subtree: a line for each entry, with digests of its values");
  extract->add_option("--attributes", options.attributes);
  extract->add_flag("--quiet", options.quiet, "the last line alone");
  auto* modify = app.add_subcommand("modify", "replaces an attribute of --count entries");
  modify->add_option("--attribute", options.attribute);
  modify->add_option("--window", options.window, "requests in flight");
  modify->add_option("--count", options.count)->required();
  CLI11_PARSE(app, argc, argv);
  return run(options, modify->parsed());
}
