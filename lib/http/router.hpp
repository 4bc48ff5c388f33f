// SPDX-License-Identifier: Apache-2.0
#pragma once

// From method and path to a handler. Pure: knows no socket and calls nothing.

#include <functional>
#include <string>
#include <vector>

#include "http/message.hpp"
#include "net/task.hpp"

namespace mirror::http {

struct Api;
using Handler = net::Task<Response> (*)(Api&, Request&);

struct Route {
  std::string method;
  std::string pattern;  // "/api/v1/stores/{name}"; a {part} is one non-empty segment
  Handler handler = nullptr;
  std::size_t body_limit = 1U << 20;
};

class Router {
 public:
  void add(Route route) { routes_.push_back(std::move(route)); }
  // Fills request.parts. Throws Problem 404 (naming the path) or 405 (with what is allowed). A literal
  // segment goes before a {part}.
  const Route& find(Request& request) const;
  const std::vector<Route>& routes() const noexcept { return routes_; }
  // Of the path alone, before a body is read; the largest of its methods.
  std::size_t body_limit(const std::string& method, const std::string& path) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace mirror::http
