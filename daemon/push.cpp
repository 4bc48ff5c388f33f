// SPDX-License-Identifier: Apache-2.0
#include "push.hpp"

#include <sys/stat.h>

#include <boost/asio/this_coro.hpp>
#include <charconv>
#include <fstream>

#include "http/post_listener.hpp"
#include "mirror/push_source.hpp"
#include "net/task_group.hpp"

namespace mirror::daemon {

namespace {

constexpr std::size_t k_shortest_token = 16;

[[noreturn]] void fail(std::string_view code, std::string detail) {
  throw base::Failed(base::Failure(code, std::move(detail)));
}

// One word of a file that nobody else may read; it stands in a URL, so it is plain.
base::SecretText read_token(const std::string& file) {
  struct stat about{};
  if (::stat(file.c_str(), &about) != 0) fail("MRD-BASE-003", file);
  if ((about.st_mode & 077) != 0) fail("MRD-BASE-004", file);
  std::ifstream in(file);
  std::string token;
  in >> token;
  const bool plain =
      token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-") ==
      std::string::npos;
  if (token.size() < k_shortest_token || !plain)
    fail("MRD-BASE-005", file + ": the token is one word of at least 16 letters, digits or ._~-");
  return base::SecretText(std::move(token));
}

engine::Task<int> hand_on(engine::PushSource* source, std::string path, std::string body) {
  co_return source->take(path, body);
}

}  // namespace

std::optional<std::pair<std::string, std::uint16_t>> parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (host.empty() || error != std::errc() || at != end || port == 0) return std::nullopt;
  return std::pair(std::move(host), port);
}

engine::Task<void> run_push(engine::World& world, PushSettings settings) {
  const auto executor = co_await net::asio::this_coro::executor;
  const auto address = parse_address(settings.listen);
  if (!address) fail("MRD-CONF-008", settings.listen);
  engine::PushSource source(world, read_token(settings.token_file), executor);
  http::PostSettings listen;
  listen.address = address->first;
  listen.port = address->second;
  http::PostHandler handler = [pointer = &source](std::string path, std::string body) {
    return hand_on(pointer, std::move(path), std::move(body));
  };
  net::TaskGroup group(executor);
  group.spawn("push listener", http::listen_for_posts(std::move(listen), std::move(handler)));
  group.spawn("push events", source.run());
  co_await group.join();
}

}  // namespace mirror::daemon
