// SPDX-License-Identifier: Apache-2.0
#include "http/router.hpp"

#include <fmt/format.h>

namespace mirror::http {

namespace {

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::size_t end = path.find('/');
    out.push_back(path.substr(0, end));
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end);
  }
  return out;
}

bool is_part(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// The number of literal segments, or -1 when the path is another one.
int matches(std::string_view pattern, std::string_view path, std::map<std::string, std::string>* parts) {
  if (path.empty() || path.front() != '/') return -1;
  const auto wanted = segments(pattern);
  const auto given = segments(path);
  if (wanted.size() != given.size()) return -1;
  int literal = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!is_part(wanted[i])) {
      if (wanted[i] != given[i]) return -1;
      ++literal;
    } else if (given[i].empty()) {
      return -1;
    } else if (parts != nullptr) {
      (*parts)[std::string(wanted[i].substr(1, wanted[i].size() - 2))] = percent_decode(given[i]);
    }
  }
  return literal;
}

}  // namespace

const Route& Router::find(Request& request) const {
  const Route* best = nullptr;
  int best_literal = -1;
  std::string allowed;
  for (const Route& route : routes_) {
    const int literal = matches(route.pattern, request.path, nullptr);
    if (literal < 0) continue;
    if (route.method != request.method) {
      if (allowed.find(route.method) == std::string::npos)
        allowed += (allowed.empty() ? "" : ", ") + route.method;
    } else if (literal > best_literal) {
      best = &route;
      best_literal = literal;
    }
  }
  if (best == nullptr && !allowed.empty()) {
    Problem problem(405, "MRD-HTTP-005", fmt::format("{} is not for {}", request.method, request.path));
    problem.allow = allowed;
    throw problem;
  }
  if (best == nullptr)
    throw Problem(404, "MRD-HTTP-002", fmt::format("nothing is served at {}", request.path));
  request.parts.clear();
  matches(best->pattern, request.path, &request.parts);
  return *best;
}

std::size_t Router::body_limit(const std::string& method, const std::string& path) const {
  std::size_t limit = 1U << 20;
  for (const Route& route : routes_)
    if (route.method == method && matches(route.pattern, path, nullptr) >= 0)
      limit = std::max(limit, route.body_limit);
  return limit;
}

}  // namespace mirror::http
