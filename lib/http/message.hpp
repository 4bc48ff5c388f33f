// SPDX-License-Identifier: Apache-2.0
#pragma once

// A request and its response without the library that carries them: what the router and the resources see.
// Pure.

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mirror::http {

// Who asks: known by the socket's peer credentials.
struct Caller {
  std::string name;  // "unix:alice"
  std::uint32_t uid = 0;
  bool allowed = false;  // root, the daemon's own user, members of its group
};

struct Request {
  std::string method;
  std::string path;                            // as sent, without the query
  std::map<std::string, std::string> query;    // decoded; a name twice keeps the last
  std::map<std::string, std::string> parts;    // {name} parts of the route, decoded
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::string request_id;
  Caller caller;

  std::string query_or(const std::string& name, const std::string& fallback) const {
    const auto found = query.find(name);
    return found == query.end() ? fallback : found->second;
  }
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct FieldError {
  std::string pointer;  // RFC 6901: "/port"
  std::string detail;
};

// A refusal on its way to the caller as application/problem+json (RFC 9457).
class Problem : public std::runtime_error {
 public:
  Problem(int status, std::string_view code, const std::string& detail, std::vector<FieldError> errors = {})
      : std::runtime_error(detail), status_(status), code_(code), errors_(std::move(errors)) {}
  int status() const noexcept { return status_; }
  const std::string& code() const noexcept { return code_; }
  const std::vector<FieldError>& errors() const noexcept { return errors_; }

  std::string allow;  // with 405: the methods that exist here

 private:
  int status_;
  std::string code_;
  std::vector<FieldError> errors_;
};

// Title and next step come from the catalogue of codes.
Response problem_response(const Problem& problem, const Request& request);

// "%40" -> "@"; "+" is kept (paths and RFC 3986 queries). Broken escapes stay as they are.
std::string percent_decode(std::string_view text);
std::string percent_encode(std::string_view text);
// At most that many octets of UTF-8, cut between two characters.
std::string cut_text(std::string text, std::size_t longest);
// Splits "path?a=b" into request.path and request.query.
void set_target(Request& request, std::string_view target);

}  // namespace mirror::http
